//! Shapes whose values JSON does not give back.

use crate::out::same;
use crate::shape::{Shape, Tagging, Variant};

/// Why JSON would not give back every value of a shape, if so.
///
/// ```
/// use eventsource_schema::{Shape, fault};
///
/// const TEXT: &Shape = &Shape::Text("string");
/// assert!(fault(&Shape::Option(&Shape::Option(TEXT))).is_some());
/// assert!(fault(&Shape::Map { key: &Shape::List(TEXT), value: TEXT }).is_some());
/// assert!(fault(&Shape::Map { key: TEXT, value: &Shape::Option(TEXT) }).is_none());
/// ```
pub const fn fault(shape: &Shape) -> Option<&'static str> {
    match shape {
        Shape::Text(_) => None,
        Shape::Unknown(_) => Some("a part of its stored shape is unknown: derive `EventSchema` on it"),
        Shape::Option(inner) if inner.may_be_null() => Some(
            "JSON writes `Some(None)` and `None` alike, as null: use an enum that names the cases, or #[event(schema = \"..\")]",
        ),
        Shape::Option(inner) | Shape::Newtype(inner) | Shape::List(inner) | Shape::Array(inner, _) => fault(inner),
        Shape::Map { key, value } => {
            if !is_key(key) {
                return Some("a key of a JSON object is a text or a number: use a list of pairs");
            }
            fault(value)
        }
        Shape::Tuple(elements) => {
            let mut i = 0;
            while i < elements.len() {
                let found = fault(elements[i]);
                if found.is_some() {
                    return found;
                }
                i += 1;
            }
            None
        }
        Shape::Struct(inner) => {
            let mut i = 0;
            while i < inner.fields.len() {
                let found = fault(inner.fields[i].shape);
                if found.is_some() {
                    return found;
                }
                i += 1;
            }
            None
        }
        Shape::Enum { variants, .. } => {
            let mut i = 0;
            while i < variants.len() {
                if let Some(payload) = variants[i].payload {
                    let found = fault(payload);
                    if found.is_some() {
                        return found;
                    }
                }
                i += 1;
            }
            None
        }
    }
}

/// What serde_json makes a key of: texts, numbers, and variants without a payload.
const fn is_key(shape: &Shape) -> bool {
    match shape {
        Shape::Newtype(inner) => is_key(inner),
        Shape::Text(text) => {
            let text = text.as_bytes();
            !matches!(text.first(), None | Some(b'[' | b'{' | b'('))
                && !matches!(text.last(), Some(b'?' | b'}' | b'>'))
                && !same(text, b"json")
                && !same(text, b"null")
        }
        Shape::Enum { tagging: Tagging::External, variants } => are_units(variants),
        // Reported as what it is.
        Shape::Unknown(_) => true,
        _ => false,
    }
}

const fn are_units(variants: &[Variant]) -> bool {
    let mut i = 0;
    while i < variants.len() {
        if variants[i].payload.is_some() {
            return false;
        }
        i += 1;
    }
    true
}
