//! `Idempotency-Key`: the key of a command.

use http::header::{HeaderMap, HeaderName};

use crate::Problem;

/// Under which a client sends a command again without it being done again.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What a [command key](eventsource_core::ExecuteOptions::command_key) may have.
const LONGEST: usize = 255;

/// The key: text in quotes, as the draft of the header has it, or without, as most clients send it. Both are the same key.
pub(crate) fn read(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut lines = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(malformed("stands twice in the request"));
    }
    let text = line.to_str().map_err(|_| malformed("takes a text in ASCII"))?.trim_matches([' ', '\t']);
    let key = match text.strip_prefix('"') {
        Some(quoted) => {
            unquoted(quoted).ok_or_else(|| malformed("takes one text, which ends with its second quote"))?
        }
        // A proxy may have made one line of two.
        None if text.contains(',') => return Err(malformed("takes one text, in quotes if there is a comma in it")),
        None => text.to_owned(),
    };
    if key.is_empty() || key.len() > LONGEST {
        return Err(malformed(&format!("must have 1 to {LONGEST} bytes, not {}", key.len())));
    }
    if key.starts_with('$') {
        return Err(malformed("must not begin with `$`"));
    }
    if key.contains(|char: char| char.is_control()) {
        return Err(malformed("has a control character"));
    }
    Ok(Some(key))
}

fn malformed(what: &str) -> Problem {
    Problem::bad_request(format!("Idempotency-Key {what}"))
}

/// A string of RFC 9651 behind its first quote.
fn unquoted(text: &str) -> Option<String> {
    let mut key = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return chars.next().is_none().then_some(key),
            '\\' => key.push(chars.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            char => key.push(char),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn key(lines: &[&[u8]]) -> Result<Option<String>, String> {
        let line = |line: &&[u8]| (IDEMPOTENCY_KEY, HeaderValue::from_bytes(line).unwrap());
        read(&lines.iter().map(line).collect()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_key_is_the_same_in_quotes_and_without() {
        assert_eq!(key(&[]), Ok(None));
        for line in [r#"8e03978e"#, r#""8e03978e""#, " 8e03978e\t"] {
            assert_eq!(key(&[line.as_bytes()]), Ok(Some("8e03978e".to_owned())), "{line}");
        }
        assert_eq!(key(&[br#""a\"b\\c, d""#]), Ok(Some(r#"a"b\c, d"#.to_owned())));
    }

    #[test]
    fn the_longest_key_has_255_bytes() {
        let longest = "k".repeat(255);
        assert_eq!(key(&[longest.as_bytes()]), Ok(Some(longest.clone())));
        assert_eq!(key(&[format!("\"{longest}\"").as_bytes()]), Ok(Some(longest.clone())));
        for line in [format!("{longest}k"), format!("\"{longest}k\"")] {
            assert!(key(&[line.as_bytes()]).unwrap_err().contains("Idempotency-Key must have 1 to 255 bytes, not 256"));
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_told_why() {
        let lines: [(&[u8], &str); 14] = [
            (b"", "1 to 255"),
            (b" ", "1 to 255"),
            (br#""""#, "1 to 255"),
            (br#""a"#, "second quote"),
            (br#"""a"#, "second quote"),
            (br#""a"; b"#, "second quote"),
            (br#""a", "b""#, "second quote"),
            (br#""a\b""#, "second quote"),
            (br#""a\"#, "second quote"),
            (b"a, b", "in quotes"),
            (b"\xe4", "ASCII"),
            (b"$mine", "`$`"),
            (br#""$mine""#, "`$`"),
            (b"a\tb", "control character"),
        ];
        for (line, why) in lines {
            let told = key(&[line]).unwrap_err();
            assert!(told.contains("Idempotency-Key") && told.contains(why), "{line:?}: {told}");
        }
        assert!(key(&[b"a", b"a"]).unwrap_err().contains("Idempotency-Key stands twice"));
    }
}
