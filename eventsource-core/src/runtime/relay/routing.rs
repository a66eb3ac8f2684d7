//! Routing keys, made by a template.

use std::fmt::Write;

use crate::words::stream::StreamId;

const PLACES: [&str; 3] = ["{name}", "{category}", "{id}"];

/// Refuses, while compiling, what is no template.
pub(super) const fn assert_template(template: &str) {
    let bytes = template.as_bytes();
    assert!(!bytes.is_empty(), "the template of a routing key is empty");
    let mut at = 0;
    while at < bytes.len() {
        let place = place_at(bytes, at);
        assert!(
            place > 0 || (bytes[at] != b'{' && bytes[at] != b'}'),
            "in the template of a routing key, only {{name}}, {{category}} and {{id}} stand in braces"
        );
        at += if place > 0 { place } else { 1 };
    }
}

/// How long the place is that begins here; 0 if none does.
const fn place_at(bytes: &[u8], at: usize) -> usize {
    let mut place = 0;
    while place < PLACES.len() {
        let name = PLACES[place].as_bytes();
        let mut same = 0;
        while same < name.len() && at + same < bytes.len() && bytes[at + same] == name[same] {
            same += 1;
        }
        if same == name.len() {
            return same;
        }
        place += 1;
    }
    0
}

/// The routing key of an event of this name and stream.
pub(super) fn render(template: &str, name: &str, stream: &StreamId) -> String {
    let mut key = String::with_capacity(template.len() + name.len());
    let mut rest = template;
    while let Some((before, from_place)) = rest.split_once('{') {
        key.push_str(before);
        let (place, after) = from_place.split_once('}').unwrap_or((from_place, ""));
        match place {
            "name" => key.push_str(name),
            "category" => key.push_str(stream.category()),
            _ => push_word(&mut key, stream.id()),
        }
        rest = after;
    }
    key.push_str(rest);
    key
}

/// A dot would begin another word, and brokers give other characters a meaning, too.
fn push_word(key: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => key.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(key, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_routing_key_is_made_by_its_template_and_an_id_is_one_word_of_it() {
        let stream = StreamId::new("order", "a.b #ü-1").unwrap();
        for (template, key) in [
            ("{name}", "order.placed"),
            ("shop.{category}.{id}", "shop.order.a%2Eb%20%23%C3%BC-1"),
            ("{id}{category}!", "a%2Eb%20%23%C3%BC-1order!"),
            ("all", "all"),
        ] {
            assert_template(template);
            assert_eq!(render(template, "order.placed", &stream), key);
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for wrong in ["", "{nam}", "{", "name}", "{name", "a.{stream}", "{{name}}"] {
            assert!(std::panic::catch_unwind(|| assert_template(wrong)).is_err(), "`{wrong}` is taken");
        }
    }
}
