//! What a command leaves in the hands of its caller, so that it can be found in views.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::name::NameError;
use super::stream::Position;

/// A moment of a store: whoever has come so far has seen everything that the command had stored or seen.
///
/// Its text, 108 characters at most out of `[0-9a-f.-]`, fits into an HTTP header or a cookie. It is no secret and
/// proves nothing: it says which store, how far, and at which event.
///
/// ```
/// use eventsource::Token;
///
/// let text = "0191b0a6f0e17c5a8d3e9f2b4c6d8e0f.1.42.-";
/// let token: Token = text.parse()?;
/// assert_eq!(token.position.0, 42);
/// assert_eq!(token.to_string(), text);
/// # Ok::<(), eventsource::NameError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Token {
    /// The store's id.
    pub store: Uuid,
    /// The store's epoch: after a restore, tokens of the time before are void.
    pub epoch: u64,
    /// How far.
    pub position: Position,
    /// The last event that the command has stored, if it has stored any.
    pub event_id: Option<Uuid>,
}

impl Token {
    /// A token.
    pub fn new((store, epoch): (Uuid, u64), position: Position, event_id: Option<Uuid>) -> Self {
        Self { store, epoch, position, event_id }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.", self.store.simple(), self.epoch, self.position.0)?;
        match self.event_id {
            Some(id) => write!(f, "{}", id.simple()),
            None => f.write_str("-"),
        }
    }
}

impl FromStr for Token {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        parse(text)
            .ok_or_else(|| NameError::new("token", text, "is not a token: store, epoch, position and event, with dots"))
    }
}

fn parse(text: &str) -> Option<Token> {
    let mut parts = text.split('.');
    let mut part = || parts.next();
    let store = simple(part()?)?;
    let epoch = number(part()?)?;
    let position = Position(number(part()?)?);
    let event_id = match part()? {
        "-" => None,
        id => Some(simple(id)?),
    };
    part().is_none().then_some(Token { store, epoch, position, event_id })
}

/// In the one form in which it is written.
fn simple(text: &str) -> Option<Uuid> {
    let fits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if fits { Uuid::try_parse(text).ok() } else { None }
}

fn number(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_text() {
        for event_id in [None, Some(Uuid::now_v7())] {
            let token = Token::new((Uuid::now_v7(), u64::MAX), Position(u64::MAX), event_id);
            let text = token.to_string();
            assert!(text.len() <= 108, "{text}");
            assert_eq!(text.parse(), Ok(token));
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let id = Uuid::now_v7().simple().to_string();
        let upper = id.to_uppercase();
        let bad = [
            String::new(),
            ".".repeat(200),
            format!("{id}.1.5"),
            format!("{id}.1.5.-."),
            format!("{id}.1.05.-"),
            format!("{id}.+1.5.-"),
            format!("{id}.1..-"),
            format!("{id}.1.18446744073709551616.-"),
            format!("{upper}.1.5.-"),
            format!("{id}.1.5.x"),
            format!(" {id}.1.5.-"),
        ];
        for text in bad {
            let error = text.parse::<Token>().unwrap_err();
            assert!(error.to_string().contains("token"), "{error}");
        }
    }
}
