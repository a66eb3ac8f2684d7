//! A shape to its text. The order of fields and variants is not stored, so they are sorted.

use crate::out::{Out, before};
use crate::shape::{Field, Shape, Struct, Tagging, Variant};

/// The text of a shape, at run time.
pub fn text(shape: &Shape) -> String {
    let mut buffer = vec![0; text_len(shape)];
    let mut out = Out::into_buffer(&mut buffer);
    write(shape, &mut out);
    out.as_str().to_owned()
}

/// How many bytes the text of a shape has.
pub const fn text_len(shape: &Shape) -> usize {
    let mut out = Out::into_buffer(&mut []);
    write(shape, &mut out);
    out.len()
}

/// A number that changes with the shape, however deep the change is, and with nothing else.
///
/// ```
/// use eventsource_schema::{Shape, fingerprint};
///
/// const OF_A_LIST: u64 = fingerprint(&Shape::List(&Shape::Text("i64")));
/// assert_eq!(OF_A_LIST, fingerprint(&Shape::Text("[i64]")));
/// assert_ne!(OF_A_LIST, fingerprint(&Shape::List(&Shape::Text("u64"))));
/// ```
pub const fn fingerprint(shape: &Shape) -> u64 {
    let mut out = Out::into_buffer(&mut []);
    write(shape, &mut out);
    out.hash()
}

/// The fingerprint of the shape that has this text.
///
/// ```
/// use eventsource_schema::{Shape, fingerprint, fingerprint_of_text};
///
/// assert_eq!(fingerprint_of_text("[i64]"), fingerprint(&Shape::List(&Shape::Text("i64"))));
/// ```
pub fn fingerprint_of_text(text: &str) -> u64 {
    let mut out = Out::into_buffer(&mut []);
    out.push(text);
    out.hash()
}

/// Writes the text of a shape.
pub const fn write(shape: &Shape, out: &mut Out<'_>) {
    match shape {
        Shape::Text(text) => out.push(text),
        Shape::Newtype(inner) => write(inner, out),
        Shape::Option(inner) => {
            write(inner, out);
            // `Option<Option<T>>` is refused elsewhere; here it stays one shape.
            if !matches!(inner, Shape::Text(_)) || !inner.may_be_absent() {
                out.byte(b'?');
            }
        }
        Shape::List(inner) => {
            out.byte(b'[');
            write(inner, out);
            out.byte(b']');
        }
        Shape::Array(inner, len) => {
            out.byte(b'[');
            write(inner, out);
            out.push("; ");
            out.number(*len as u64);
            out.byte(b']');
        }
        Shape::Tuple(elements) => {
            out.byte(b'(');
            let mut i = 0;
            while i < elements.len() {
                if i > 0 {
                    out.push(", ");
                }
                write(elements[i], out);
                i += 1;
            }
            out.byte(b')');
        }
        Shape::Map { key, value } => {
            out.push("map<");
            write(key, out);
            out.push(", ");
            write(value, out);
            out.byte(b'>');
        }
        Shape::Struct(inner) => write_struct(inner, out),
        Shape::Enum { tagging, variants } => write_enum(tagging, variants, out),
        Shape::Unknown(name) => {
            out.push("unknown(");
            out.push(name);
            out.byte(b')');
        }
    }
}

const fn write_struct(shape: &Struct, out: &mut Out<'_>) {
    if shape.strict {
        out.push("strict ");
    }
    out.byte(b'{');
    let mut separator = " ";
    let mut last: Option<&'static str> = None;
    while let Some(field) = next_field(shape.fields, last, None) {
        out.push(separator);
        write_field(field, out);
        separator = ", ";
        last = Some(field.name);
    }
    write_flattened(shape.fields, &mut separator, out);
    out.push(if separator.len() == 1 { "}" } else { " }" });
}

/// `name: shape`, or `name?: shape` if it may be absent.
pub(crate) const fn write_field(field: &Field, out: &mut Out<'_>) {
    write_name(field.name, out);
    out.push(if field.may_be_absent() { "?: " } else { ": " });
    write(field.shape, out);
}

/// The field that comes after `last` by name, among these and those flattened into them.
pub(crate) const fn next_field(
    fields: &'static [Field],
    last: Option<&str>,
    mut best: Option<&'static Field>,
) -> Option<&'static Field> {
    let mut i = 0;
    while i < fields.len() {
        let field = &fields[i];
        if field.flatten {
            if let Some(inner) = field.shape.as_struct() {
                best = next_field(inner.fields, last, best);
            }
        } else {
            let name = field.name.as_bytes();
            let after = match last {
                Some(last) => before(last.as_bytes(), name),
                None => true,
            };
            let better = match best {
                Some(best) => before(name, best.name.as_bytes()),
                None => true,
            };
            if after && better {
                best = Some(field);
            }
        }
        i += 1;
    }
    best
}

/// What is flattened and has no names of its own to stand among the others.
const fn write_flattened(fields: &'static [Field], separator: &mut &'static str, out: &mut Out<'_>) {
    let mut i = 0;
    while i < fields.len() {
        if fields[i].flatten {
            match fields[i].shape.as_struct() {
                Some(inner) => write_flattened(inner.fields, separator, out),
                None => {
                    out.push(separator);
                    out.push("..");
                    write(fields[i].shape, out);
                    *separator = ", ";
                }
            }
        }
        i += 1;
    }
}

const fn write_enum(tagging: &Tagging, variants: &'static [Variant], out: &mut Out<'_>) {
    out.push("enum");
    match tagging {
        Tagging::External => {}
        Tagging::Internal(tag) => {
            out.push("(tag ");
            write_quoted(tag, out);
            out.byte(b')');
        }
        Tagging::Adjacent(tag, content) => {
            out.push("(tag ");
            write_quoted(tag, out);
            out.push(", content ");
            write_quoted(content, out);
            out.byte(b')');
        }
        Tagging::Untagged => out.push("(untagged)"),
    }
    out.push(" {");
    let mut separator = " ";
    if matches!(tagging, Tagging::Untagged) {
        // The first that fits is taken when reading, so their order counts.
        let mut i = 0;
        while i < variants.len() {
            out.push(separator);
            match variants[i].payload {
                Some(payload) => write(payload, out),
                None => out.push("null"),
            }
            separator = ", ";
            i += 1;
        }
    } else {
        let mut last: Option<&'static str> = None;
        while let Some(variant) = next_variant(variants, last) {
            out.push(separator);
            write_name(variant.name, out);
            if let Some(payload) = variant.payload {
                out.push(": ");
                write(payload, out);
            }
            separator = ", ";
            last = Some(variant.name);
        }
    }
    out.push(if separator.len() == 1 { "}" } else { " }" });
}

const fn next_variant(variants: &'static [Variant], last: Option<&str>) -> Option<&'static Variant> {
    let mut best: Option<&'static Variant> = None;
    let mut i = 0;
    while i < variants.len() {
        let name = variants[i].name.as_bytes();
        let after = match last {
            Some(last) => before(last.as_bytes(), name),
            None => true,
        };
        let better = match best {
            Some(best) => before(name, best.name.as_bytes()),
            None => true,
        };
        if after && better {
            best = Some(&variants[i]);
        }
        i += 1;
    }
    best
}

/// A key as it is where it is a plain word, else in quotes.
pub const fn write_name(name: &str, out: &mut Out<'_>) {
    if is_plain(name.as_bytes()) { out.push(name) } else { write_quoted(name, out) }
}

pub(crate) const fn is_plain(name: &[u8]) -> bool {
    let mut i = 0;
    while i < name.len() {
        if !is_name_byte(name[i]) {
            return false;
        }
        i += 1;
    }
    !name.is_empty()
}

pub(crate) const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || byte == b'$' || byte == b'.'
}

const fn write_quoted(name: &str, out: &mut Out<'_>) {
    let name = name.as_bytes();
    out.byte(b'"');
    let mut i = 0;
    while i < name.len() {
        match name[i] {
            b'"' => out.push("\\\""),
            b'\\' => out.push("\\\\"),
            // A text of a shape stays on one line.
            control @ 0..=0x1f => {
                out.push("\\x");
                out.byte(hex(control >> 4));
                out.byte(hex(control & 15));
            }
            byte => out.byte(byte),
        }
        i += 1;
    }
    out.byte(b'"');
}

const fn hex(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }
}
