//! JSON of a shape: the least that it allows, all that it knows, and one for each variant of each enum.

use crate::cursor::{Cursor, Kind};
use crate::lock::LockedVersion;
use crate::parse::unquoted;

/// Payloads of a version, each with a label that is fit for a file: `minimal`, `full`, then a path to each other variant.
/// None of them twice.
///
/// Texts of a form that nobody knows, such as `string(iban)`, hold `text`: whoever demands more of them refuses the payload.
///
/// ```
/// use eventsource_schema::{Lock, samples};
///
/// let lock = "format 1\nevent a\n  version 1\n    in: enum { EUR, USD }\n    note?: string?\nend\n";
/// let version = &Lock::parse(lock).unwrap().events["a"].versions[&1];
/// let samples: Vec<_> = samples(version).into_iter().map(|(label, json)| format!("{label} {json}")).collect();
/// assert_eq!(samples, [
///     r#"minimal {"in":"EUR"}"#,
///     r#"full {"in":"EUR","note":"text"}"#,
///     r#"in.USD {"in":"USD","note":"text"}"#,
/// ]);
/// ```
pub fn samples(version: &LockedVersion) -> Vec<(String, String)> {
    let shape = version.shape();
    let minimal = Sampler { is_full: false }.all(&shape).into_iter().take(1);
    let full = Sampler { is_full: true }.all(&shape);
    let mut samples: Vec<(String, String)> = Vec::new();
    for (at, (path, json)) in minimal.chain(full).enumerate() {
        if samples.iter().any(|(_, other)| *other == json) {
            continue;
        }
        let label = match at {
            0 => "minimal".to_owned(),
            1 => "full".to_owned(),
            _ => path.chars().take(LABEL).map(|c| if is_fit_for_a_file(c) { c } else { '~' }).collect(),
        };
        // Two variants may differ in what a file's name cannot hold, or in a case that a file system does not tell apart.
        let is_taken = |label: &str| samples.iter().any(|(other, _)| other.eq_ignore_ascii_case(label));
        let others = (2..).map(|number| format!("{label}~{number}"));
        let free = std::iter::once(label.clone()).chain(others).find(|label| !is_taken(label));
        samples.extend(free.map(|label| (label, json)));
    }
    samples
}

/// How long a label may be, so that a file of that name can be.
const LABEL: usize = 150;

fn is_fit_for_a_file(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

/// A path to what is different, and the JSON. The first one has no path.
type Sample = (String, String);

#[derive(Clone, Copy)]
struct Sampler {
    is_full: bool,
}

impl Sampler {
    /// A value, and others that differ from it in one variant. None if the shape never ends.
    fn all(self, text: &str) -> Vec<Sample> {
        if let Some(inner) = text.strip_suffix('?') {
            let inner = if self.is_full { self.all(inner) } else { Vec::new() };
            return if inner.is_empty() { vec![plain("null")] } else { inner };
        }
        let mut cursor = Cursor::new(text);
        let untagged = cursor.is_untagged();
        let mut tags = Cursor::new(text);
        match cursor.open() {
            Kind::Word => word(text, self.is_full),
            Kind::Object | Kind::Strict => self.object(cursor, text),
            Kind::Enum if untagged => self.untagged(cursor, text),
            Kind::Enum => {
                let tags: Vec<_> = tags_of(&mut tags, cursor.at);
                self.variants(cursor, text, &tags)
            }
            Kind::Array => self.array(cursor, text),
            Kind::Tuple => {
                let mut parts = Vec::new();
                while let Some(part) = cursor.element(")") {
                    parts.push((parts.len().to_string(), String::new(), self.all(&text[part.start..part.end])));
                }
                product(&parts).into_iter().map(|(path, json)| (path, format!("[{json}]"))).collect()
            }
            Kind::Map => self.map(cursor, text),
        }
    }

    fn array(self, mut cursor: Cursor<'_>, text: &str) -> Vec<Sample> {
        let part = cursor.shape();
        let inner = self.all(&text[part.start..part.end]);
        let len = if cursor.eat(";") {
            let len = cursor.name();
            text[len.start..len.end].parse().unwrap_or_default()
        } else {
            usize::from(self.is_full && !inner.is_empty())
        };
        if len == 0 {
            return vec![plain("[]")];
        }
        inner.into_iter().map(|(path, json)| (path, format!("[{}]", vec![json; len].join(",")))).collect()
    }

    fn map(self, mut cursor: Cursor<'_>, text: &str) -> Vec<Sample> {
        let mut element = || cursor.element(">").map(|part| self.all(&text[part.start..part.end])).unwrap_or_default();
        let (keys, values) = (element(), element());
        let Some((_, key)) = keys.first().filter(|_| self.is_full && !values.is_empty()) else {
            return vec![plain("{}")];
        };
        let key = if key.starts_with('"') { key.clone() } else { format!("\"{key}\"") };
        values.into_iter().map(|(path, json)| (path, format!("{{{key}:{json}}}"))).collect()
    }

    fn untagged(self, mut cursor: Cursor<'_>, text: &str) -> Vec<Sample> {
        let mut all = Vec::new();
        let mut variant = 0;
        while let Some(part) = cursor.element("}") {
            let samples = self.all(&text[part.start..part.end]).into_iter();
            all.extend(samples.map(|(path, json)| (join(&variant.to_string(), &path), json)));
            variant += 1;
        }
        first_is_plain(all)
    }

    fn object(self, mut cursor: Cursor<'_>, text: &str) -> Vec<Sample> {
        let mut parts = Vec::new();
        while let Some(member) = cursor.member() {
            let name = unquoted(&text[member.name.start..member.name.end]);
            let Some(shape) = member.shape else { continue };
            let values = self.all(&text[shape.start..shape.end]);
            if member.optional && (!self.is_full || values.is_empty()) {
                continue;
            }
            if member.name.start == member.name.end {
                // Flattened: its members stand among these.
                let members = values.into_iter().filter_map(|(path, json)| Some((path, members_of(&json)?.to_owned())));
                parts.push((String::new(), String::new(), members.collect()));
            } else {
                parts.push((name.clone(), format!("{}:", quoted(&name)), values));
            }
        }
        product(&parts).into_iter().map(|(path, json)| (path, format!("{{{json}}}"))).collect()
    }

    fn variants(self, mut cursor: Cursor<'_>, text: &str, tags: &[String]) -> Vec<Sample> {
        let mut all = Vec::new();
        while let Some(member) = cursor.member() {
            let name = unquoted(&text[member.name.start..member.name.end]);
            let named = quoted(&name);
            let Some(shape) = member.shape else {
                let json = match tags {
                    [tag, ..] => format!("{{{}:{named}}}", quoted(tag)),
                    [] => named,
                };
                all.push((name, json));
                continue;
            };
            for (path, json) in self.all(&text[shape.start..shape.end]) {
                let json = match tags {
                    [] => format!("{{{named}:{json}}}"),
                    [tag] => match members_of(&json) {
                        Some("") => format!("{{{}:{named}}}", quoted(tag)),
                        Some(members) => format!("{{{}:{named},{members}}}", quoted(tag)),
                        None => continue,
                    },
                    [tag, content, ..] => format!("{{{}:{named},{}:{json}}}", quoted(tag), quoted(content)),
                };
                all.push((join(&name, &path), json));
            }
        }
        first_is_plain(all)
    }
}

/// The base of all parts, then each other value of each part among the bases of the others.
fn product(parts: &[(String, String, Vec<Sample>)]) -> Vec<Sample> {
    if parts.iter().any(|(_, _, values)| values.is_empty()) {
        return Vec::new();
    }
    let with = |changed: usize, to: usize| {
        let texts = parts.iter().enumerate().map(|(at, (_, key, values))| {
            let json = &values[if at == changed { to } else { 0 }].1;
            format!("{key}{json}")
        });
        texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(",")
    };
    let mut all = vec![(String::new(), with(parts.len(), 0))];
    for (at, (name, _, values)) in parts.iter().enumerate() {
        all.extend((1..values.len()).map(|to| (join(name, &values[to].0), with(at, to))));
    }
    all
}

fn plain(json: &str) -> Sample {
    (String::new(), json.to_owned())
}

fn first_is_plain(mut all: Vec<Sample>) -> Vec<Sample> {
    all.iter_mut().take(1).for_each(|(path, _)| path.clear());
    all
}

fn join(name: &str, path: &str) -> String {
    if name.is_empty() || path.is_empty() { format!("{name}{path}") } else { format!("{name}.{path}") }
}

/// The names of tag and content, which stand between the parentheses of an enum.
fn tags_of(cursor: &mut Cursor<'_>, end: usize) -> Vec<String> {
    let text = std::str::from_utf8(&cursor.text[..end]).unwrap_or_default();
    let mut names = Vec::new();
    let mut at = text.find('"');
    while let Some(start) = at {
        cursor.at = start;
        let name = cursor.name();
        names.push(unquoted(&text[name.start..name.end]));
        at = text[name.end..].find('"').map(|next| name.end + next);
    }
    names
}

/// What stands between the braces of an object.
fn members_of(json: &str) -> Option<&str> {
    json.strip_prefix('{')?.strip_suffix('}')
}

fn word(text: &str, is_full: bool) -> Vec<Sample> {
    let (minimal, full) = match text {
        "bool" => ("false", "true"),
        "f32" | "f64" => ("0.0", "1.5"),
        "null" => ("null", "null"),
        "json" => ("null", r#"{"key":[1,"text"]}"#),
        "char" => (r#""c""#, r#""c""#),
        "string" => (r#""""#, r#""text""#),
        _ if text.starts_with('^') => return Vec::new(),
        _ if text.starts_with("string(") => (of_form(text), of_form(text)),
        // Not zero, because some numbers are never that.
        _ => ("1", "7"),
    };
    vec![plain(if is_full { full } else { minimal })]
}

/// A text of a form.
fn of_form(text: &str) -> &'static str {
    match text {
        "string(uuid)" => r#""018f2e3c-7b5a-7c3d-9e1f-0a1b2c3d4e5f""#,
        "string(rfc3339)" => r#""2020-02-29T12:34:56Z""#,
        "string(date)" => r#""2020-02-29""#,
        "string(time)" => r#""12:34:56""#,
        "string(datetime)" => r#""2020-02-29T12:34:56""#,
        "string(weekday)" => r#""Mon""#,
        "string(month)" => r#""February""#,
        "string(ip)" => r#""127.0.0.1""#,
        "string(socket)" => r#""127.0.0.1:80""#,
        "string(decimal)" => r#""1.50""#,
        _ => r#""text""#,
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(char))),
            char => quoted.push(char),
        }
    }
    quoted + "\""
}
