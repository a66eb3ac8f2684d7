//! Events as they come out of SQLite: many in one value, each as a frame.
//!
//! Each column of each row costs sqlx two allocations and a share of a channel, and each statement
//! a hop between threads. So events are put together inside SQLite, each as its numbers in decimal
//! (`sql/frame.sql`) and then its bytes, and taken apart here. The benchmark's scenarios `load-1000`
//! and `replay` compare it with rows of fewer columns, read by hand.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use eventsource_core::{Position, RawEvent, StoreError, Version};
use uuid::Uuid;

/// The columns that most events leave empty: metadata, correlation id, causation id, command key.
type Rest<'r> = (Option<Cow<'r, str>>, Cow<'r, str>, Cow<'r, str>, Option<Cow<'r, str>>);

/// Hands each event of a value of frames to `visit`; answers how many there were.
pub(crate) fn visit_frames(
    file: &str,
    mut bytes: &[u8],
    mut visit: impl FnMut(&RawEvent<'_>) -> Result<(), StoreError>,
) -> Result<usize, StoreError> {
    let mut count = 0;
    while !bytes.is_empty() {
        let damaged = |what| StoreError::corrupt(format!("{file}: {what} of a stored event is damaged"));
        let mut frame = Frame { bytes };
        let header = frame.header().ok_or_else(|| damaged("the row"))?;
        let [position, version, schema_version, encoding, occurred_at, recorded_at, lengths @ ..] = header;
        let [stream, name, data, rest] = lengths.map(|length| length as usize);
        let id = frame.take(16).ok_or_else(|| damaged("the id"))?;
        let mut event = RawEvent {
            position: Position(position as u64),
            stream: frame.text(stream).ok_or_else(|| damaged("the stream"))?,
            version: Version(version as u64),
            id: Uuid::from_slice(id).map_err(|_| damaged("the id"))?,
            name: frame.text(name).ok_or_else(|| damaged("the name"))?,
            schema_version: schema_version as u32,
            encoding: encoding as i16,
            data: frame.take(data).ok_or_else(|| damaged("the payload"))?,
            meta: None,
            correlation_id: None,
            causation_id: None,
            occurred_at: time(occurred_at).ok_or_else(|| damaged("the time"))?,
            recorded_at: time(recorded_at).ok_or_else(|| damaged("the time"))?,
            command_key: None,
        };
        let rest = frame.take(rest).ok_or_else(|| damaged("the metadata"))?;
        bytes = frame.bytes;
        count += 1;
        if rest.is_empty() {
            visit(&event)?;
            continue;
        }
        let (meta, correlation_id, causation_id, command_key): Rest<'_> =
            serde_json::from_slice(rest).map_err(|_| damaged("the metadata"))?;
        event.meta = meta.as_deref().map(str::as_bytes);
        event.correlation_id = uuid(&correlation_id).map_err(|_| damaged("the correlation id"))?;
        event.causation_id = uuid(&causation_id).map_err(|_| damaged("the causation id"))?;
        event.command_key = command_key.as_deref();
        visit(&event)?;
    }
    Ok(count)
}

/// What is left of the bytes.
struct Frame<'r> {
    bytes: &'r [u8],
}

const NUMBERS: usize = 10;

impl<'r> Frame<'r> {
    fn header(&mut self) -> Option<[i64; NUMBERS]> {
        let mut numbers = [0; NUMBERS];
        for number in &mut numbers {
            *number = self.number()?;
        }
        Some(numbers)
    }

    /// A decimal number and the space behind it.
    fn number(&mut self) -> Option<i64> {
        let negative = self.bytes.first() == Some(&b'-');
        let mut value: i64 = 0;
        for (place, byte) in self.bytes.iter().enumerate().skip(usize::from(negative)) {
            match byte {
                b'0'..=b'9' => value = value.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?,
                b' ' => {
                    self.bytes = &self.bytes[place + 1..];
                    return Some(if negative { -value } else { value });
                }
                _ => return None,
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'r [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    fn text(&mut self, length: usize) -> Option<&'r str> {
        std::str::from_utf8(self.take(length)?).ok()
    }
}

/// SQLite's `hex` of a null is an empty text.
fn uuid(hex: &str) -> Result<Option<Uuid>, uuid::Error> {
    if hex.is_empty() { Ok(None) } else { Uuid::try_parse(hex).map(Some) }
}

/// Times are kept as microseconds since 1970.
pub(crate) fn time(micros: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &str = "7 3 1 0 5 5 8 6 2 0 ";

    fn frame(header: &str, body: &str) -> Vec<u8> {
        [header.as_bytes(), &[0; 16], body.as_bytes()].concat()
    }

    #[test]
    fn frames_follow_each_other_without_a_mark() {
        let two = [frame(NONE, "note-abcnote.a{}"), frame(NONE, "note-xyznote.b[]")].concat();
        let mut seen = Vec::new();
        let count = visit_frames("f", &two, |event| {
            seen.push((event.stream.to_owned(), event.name.to_owned(), event.data.to_vec()));
            Ok(())
        });
        assert_eq!(count.unwrap(), 2);
        assert_eq!(seen[1], ("note-xyz".into(), "note.b".into(), b"[]".to_vec()));
    }

    #[test]
    fn any_prefix_of_a_frame_is_an_error_and_not_a_panic() {
        let rest = r#"[null,"","","key"]"#;
        let header = format!("7 3 1 0 -5 5 8 6 2 {} ", rest.len());
        let whole = frame(&header, &format!("note-abcnote.a{{}}{rest}"));
        assert!(visit_frames("f", &whole, |_| Ok(())).is_ok());
        for end in 1..whole.len() {
            assert!(visit_frames("f", &whole[..end], |_| Ok(())).is_err(), "{end}");
        }
    }
}
