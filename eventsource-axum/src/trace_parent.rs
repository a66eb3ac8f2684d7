//! `traceparent`: the conversation to which a request belongs, and what caused it.

use eventsource_core::Metadata;
use http::header::{HeaderMap, HeaderName};
use uuid::Uuid;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What is known of a request from W3C Trace Context: the trace is the conversation, the span of the caller the cause.
///
/// A header that is malformed, or stands twice, is passed over, as the standard says.
pub(crate) fn metadata(headers: &HeaderMap) -> Metadata {
    let mut lines = headers.get_all(&TRACEPARENT).iter();
    let parent = match (lines.next(), lines.next()) {
        (Some(line), None) => parse(line.as_bytes()),
        _ => None,
    };
    match parent {
        Some((trace, span)) => Metadata::default()
            .with_correlation_id(Uuid::from_u128(trace))
            .with_causation_id(Uuid::from_u64_pair(0, span)),
        None => Metadata::default(),
    }
}

/// `VERSION-TRACE-SPAN-FLAGS`: 2, 32, 16 and 2 digits. A later version may go on behind that, with a `-` between.
fn parse(text: &[u8]) -> Option<(u128, u64)> {
    let (known, later) = text.split_at_checked(55)?;
    let mut parts = known.split(|byte| *byte == b'-');
    let mut part = |digits: usize| parts.next().filter(|part| part.len() == digits).and_then(hexadecimal);
    let (version, trace, span) = (part(2)?, part(32)?, part(16)?);
    part(2)?;
    let ends = match version {
        0 => later.is_empty(),
        0xff => false,
        _ => later.is_empty() || later[0] == b'-',
    };
    (ends && trace != 0 && span != 0).then_some((trace, span as u64))
}

/// Digits in lower case only.
fn hexadecimal(text: &[u8]) -> Option<u128> {
    let fits = text.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
    if fits { u128::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: u128 = 0x4bf92f3577b34da6a3ce929d0e0e4736;
    const SPAN: u64 = 0x00f067aa0ba902b7;

    #[test]
    fn trace_and_span_are_read_from_this_version_and_from_later_ones() {
        for text in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what the future will be",
        ] {
            assert_eq!(parse(text.as_bytes()), Some((TRACE, SPAN)), "{text}");
        }
    }

    #[test]
    fn what_the_standard_does_not_allow_is_passed_over() {
        for text in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0+",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
