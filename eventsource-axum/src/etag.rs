//! The version of a stream as an entity tag.

use std::convert::Infallible;

use axum_core::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use eventsource_core::Version;
use http::header::{self, HeaderValue};

/// The version of a stream as the `ETag` of what is made of its state: `"3"`.
///
/// It is a strong tag, so that `If-Match` can name it: for each version there must be one representation. Where a
/// proxy compresses answers it may make weak tags of them (nginx does), which `If-Match` never matches.
///
/// ```
/// use axum::Json;
/// use axum::response::IntoResponse;
/// use eventsource::Version;
/// use eventsource_axum::ETag;
///
/// let response = (ETag(Version(3)), Json("alice")).into_response();
/// assert_eq!(response.headers()["etag"], "\"3\"");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ETag(pub Version);

impl From<ETag> for HeaderValue {
    fn from(ETag(version): ETag) -> Self {
        Self::try_from(format!("\"{version}\"")).expect("digits and quotes are visible")
    }
}

impl IntoResponseParts for ETag {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        parts.headers_mut().insert(header::ETAG, self.into());
        Ok(parts)
    }
}

impl IntoResponse for ETag {
    fn into_response(self) -> Response {
        (self, ()).into_response()
    }
}

/// A tag that a client has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag<'a> {
    weak: bool,
    opaque: &'a [u8],
}

impl EntityTag<'_> {
    /// The version that it names: none if it is weak, or is not in the one form in which we write them.
    pub(crate) fn version(self) -> Option<Version> {
        let canonical = self.opaque.len() == 1 || self.opaque.first() != Some(&b'0');
        if self.weak || !canonical || !self.opaque.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(self.opaque).ok()?.parse().ok().map(Version)
    }
}

/// The tags of a list (RFC 9110, 8.8.3 and 5.6.1), which may have empty places but not only those; `None` where it is
/// something else.
pub(crate) fn entity_tags(mut list: &[u8]) -> Option<Vec<EntityTag<'_>>> {
    let mut tags = Vec::new();
    loop {
        list = skip(list, b" \t,");
        if list.is_empty() {
            return (!tags.is_empty()).then_some(tags);
        }
        let (tag, behind) = entity_tag(list)?;
        tags.push(tag);
        list = skip(behind, b" \t");
        if list.first().is_some_and(|next| *next != b',') {
            return None;
        }
    }
}

/// The tag at the beginning, and what stands behind it.
fn entity_tag(text: &[u8]) -> Option<(EntityTag<'_>, &[u8])> {
    let (weak, quoted) = match text.strip_prefix(b"W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let body = quoted.strip_prefix(b"\"")?;
    let end = body.iter().position(|byte| *byte == b'"')?;
    let (opaque, behind) = (&body[..end], &body[end + 1..]);
    let fits = opaque.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
    fits.then_some((EntityTag { weak, opaque }, behind))
}

fn skip<'a>(text: &'a [u8], passed_over: &[u8]) -> &'a [u8] {
    let begin = text.iter().position(|byte| !passed_over.contains(byte)).unwrap_or(text.len());
    &text[begin..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(list: &str) -> Option<Vec<Option<u64>>> {
        let tags = entity_tags(list.as_bytes())?;
        Some(tags.into_iter().map(|tag| tag.version().map(|version| version.0)).collect())
    }

    #[test]
    fn a_list_of_tags_is_read_as_rfc_9110_writes_it() {
        for (list, expected) in [
            (r#""3""#, vec![Some(3)]),
            (r#""0""#, vec![Some(0)]),
            ("\t\"3\" , \"5\"", vec![Some(3), Some(5)]),
            (r#""3","5",W/"7""#, vec![Some(3), Some(5), None]),
            (r#",, "3",,"#, vec![Some(3)]),
            (r#""a,b", """#, vec![None, None]),
            (r#""18446744073709551615""#, vec![Some(u64::MAX)]),
            ("\"\u{e4}\"", vec![None]),
        ] {
            assert_eq!(versions(list), Some(expected), "{list}");
        }
    }

    #[test]
    fn a_tag_that_we_have_not_written_names_no_version() {
        for list in [r#"W/"3""#, r#""03""#, r#""+3""#, r#""-3""#, r#""3x""#, r#""""#, r#""18446744073709551616""#] {
            assert_eq!(versions(list), Some(vec![None]), "{list}");
        }
    }

    #[test]
    fn what_is_no_list_of_tags_is_noticed() {
        for list in [
            "",
            " , ,",
            "3",
            r#""3"#,
            r#"3""#,
            r#""3" "5""#,
            r#""3""5""#,
            r#"w/"3""#,
            r#"W/ "3""#,
            r#""a b""#,
            "*",
            r#"*, "3""#,
        ] {
            assert_eq!(versions(list), None, "{list}");
        }
    }
}
