//! Whether JSON has a shape, and JSON that has it.

use eventsource::schema::{Field, Shape, Struct, Tagging, Variant};
use serde_json::{Map, Value, json};

/// Says where a value does not have the shape. `enclosing` is what `^Name` stands for.
pub(super) fn matches(shape: &Shape, value: &Value, enclosing: &Shape) -> Result<(), String> {
    let wrong = || Err(format!("{value} is no {shape:?}"));
    let all = |shape: &Shape, values: &[Value]| values.iter().try_for_each(|value| matches(shape, value, enclosing));
    match shape {
        Shape::Text(text) => match of_text(text, value, enclosing) {
            true => Ok(()),
            false => wrong(),
        },
        Shape::Option(inner) if !value.is_null() => matches(inner, value, enclosing),
        Shape::Option(_) => Ok(()),
        Shape::Newtype(inner) => matches(inner, value, enclosing),
        Shape::List(inner) => value.as_array().map_or_else(wrong, |values| all(inner, values)),
        Shape::Array(inner, len) => match value.as_array() {
            Some(values) if values.len() == *len => all(inner, values),
            _ => wrong(),
        },
        Shape::Tuple(elements) => match value.as_array() {
            Some(values) if values.len() == elements.len() => {
                elements.iter().zip(values).try_for_each(|(shape, value)| matches(shape, value, enclosing))
            }
            _ => wrong(),
        },
        Shape::Map { value: inner, .. } => match value.as_object() {
            Some(object) => object.values().try_for_each(|value| matches(inner, value, enclosing)),
            None => wrong(),
        },
        Shape::Struct(inner) => {
            let mut left = value.as_object().cloned().map_or_else(|| Err(format!("{value} is no object")), Ok)?;
            take(inner, &mut left, enclosing)?;
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?} is left over of {value}")) }
        }
        Shape::Enum { tagging, variants } => {
            let fits = |variant: &&Variant| of_variant(tagging, variant, value, enclosing);
            if variants.iter().any(|variant| fits(&variant)) { Ok(()) } else { wrong() }
        }
        Shape::Unknown(_) => wrong(),
    }
}

/// Takes the fields of a struct out of an object.
fn take(shape: &Struct, left: &mut Map<String, Value>, enclosing: &Shape) -> Result<(), String> {
    for Field { name, optional, flatten, shape } in shape.fields {
        match (flatten, shape) {
            (true, Shape::Struct(inner)) => take(inner, left, enclosing)?,
            (true, Shape::Newtype(Shape::Struct(inner))) => take(inner, left, enclosing)?,
            (true, other) => matches(other, &Value::Object(std::mem::take(left)), enclosing)?,
            (false, _) => match left.remove(*name) {
                Some(value) => matches(shape, &value, enclosing)?,
                None if *optional || shape.may_be_absent() => {}
                None => return Err(format!("`{name}` is missing")),
            },
        }
    }
    Ok(())
}

fn of_variant(tagging: &Tagging, variant: &Variant, value: &Value, enclosing: &Shape) -> bool {
    let has = |value: Option<&Value>| match (variant.payload, value) {
        (Some(payload), Some(value)) => matches(payload, value, enclosing).is_ok(),
        (payload, value) => payload.is_none() && value.is_none(),
    };
    let object = value.as_object();
    let tagged = |tag: &str| object.is_some_and(|object| object.get(tag).and_then(Value::as_str) == Some(variant.name));
    match tagging {
        Tagging::External if variant.payload.is_none() => value == variant.name,
        Tagging::External => object.is_some_and(|object| object.len() == 1 && has(object.get(variant.name))),
        Tagging::Internal(tag) => {
            let mut rest = object.cloned().unwrap_or_default();
            rest.remove(*tag);
            tagged(tag) && if variant.payload.is_none() { rest.is_empty() } else { has(Some(&Value::Object(rest))) }
        }
        Tagging::Adjacent(tag, content) => tagged(tag) && has(object.and_then(|object| object.get(*content))),
        Tagging::Untagged => match variant.payload {
            Some(payload) => matches(payload, value, enclosing).is_ok(),
            None => value.is_null(),
        },
    }
}

fn of_text(text: &str, value: &Value, enclosing: &Shape) -> bool {
    if let Some(list) = text.strip_prefix("[^") {
        let values = value.as_array();
        return list.ends_with(']')
            && values.is_some_and(|values| values.iter().all(|value| matches(enclosing, value, enclosing).is_ok()));
    }
    if let Some(inner) = text.strip_suffix('?') {
        return value.is_null() || of_text(inner, value, enclosing);
    }
    match text {
        "bool" => value.is_boolean(),
        "null" => value.is_null(),
        "json" => true,
        "map<string, json>" => value.is_object(),
        "f32" | "f64" => value.is_f64(),
        "char" => value.as_str().is_some_and(|text| text.chars().count() == 1),
        text if text.starts_with("string") => value.is_string(),
        text if text.starts_with('^') => matches(enclosing, value, enclosing).is_ok(),
        text if text.starts_with('i') || text.starts_with('u') => value.is_i64() || value.is_u64(),
        other => panic!("{other} is not known here"),
    }
}

/// Numbers that look like chance and are the same in each run.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// A value of the shape. Fields that may be absent sometimes are; depth is bounded.
    pub(super) fn value(&mut self, shape: &Shape, depth: u32) -> Value {
        match shape {
            Shape::Text(text) => self.of_text(text),
            Shape::Option(inner) => {
                if self.below(3) == 0 {
                    Value::Null
                } else {
                    self.value(inner, depth + 1)
                }
            }
            Shape::Newtype(inner) => self.value(inner, depth + 1),
            Shape::List(inner) => (0..self.below(3)).map(|_| self.value(inner, depth + 1)).collect(),
            Shape::Array(inner, len) => (0..*len).map(|_| self.value(inner, depth + 1)).collect(),
            Shape::Tuple(elements) => elements.iter().map(|shape| self.value(shape, depth + 1)).collect(),
            Shape::Map { key, value } => {
                let mut object = Map::new();
                for _ in 0..self.below(3) {
                    let key = match self.value(key, depth + 1) {
                        Value::String(text) => text,
                        other => other.to_string(),
                    };
                    object.insert(key, self.value(value, depth + 1));
                }
                Value::Object(object)
            }
            Shape::Struct(inner) => {
                let mut object = Map::new();
                for Field { name, optional, flatten, shape } in inner.fields {
                    if *flatten {
                        let Value::Object(flat) = self.value(shape, depth + 1) else { panic!("{shape:?}") };
                        object.extend(flat);
                    } else if !(*optional || shape.may_be_absent()) || self.below(3) > 0 {
                        object.insert((*name).to_owned(), self.value(shape, depth + 1));
                    }
                }
                Value::Object(object)
            }
            Shape::Enum { tagging, variants } => self.of_enum(tagging, variants, depth),
            Shape::Unknown(name) => panic!("{name} is unknown"),
        }
    }

    fn of_enum(&mut self, tagging: &Tagging, variants: &[Variant], depth: u32) -> Value {
        let variant = &variants[self.below(variants.len() as u64) as usize];
        let payload = variant.payload.map(|payload| self.value(payload, depth + 1));
        let name = variant.name;
        match (tagging, payload) {
            (Tagging::External, None) => json!(name),
            (Tagging::External, Some(payload)) => json!({ name: payload }),
            (Tagging::Internal(tag), payload) => {
                let mut object = payload.map_or_else(Map::new, |payload| payload.as_object().unwrap().clone());
                object.insert((*tag).to_owned(), json!(name));
                Value::Object(object)
            }
            (Tagging::Adjacent(tag, _), None) => json!({ *tag: name }),
            (Tagging::Adjacent(tag, content), Some(payload)) => json!({ *tag: name, *content: payload }),
            (Tagging::Untagged, payload) => payload.unwrap_or(Value::Null),
        }
    }

    fn of_text(&mut self, text: &str) -> Value {
        let number = self.below(100);
        match text {
            "bool" => json!(number < 50),
            "null" => Value::Null,
            "json" => json!([number, "x"]),
            "f32" | "f64" => json!(number as f64 + 0.5),
            "char" => json!("ä"),
            "string" => json!(format!("text {number}")),
            "string(uuid)" => json!("67e55044-10b1-426f-9247-bb680e5fe0c8"),
            "string(rfc3339)" => json!("2024-02-29T12:30:00.000001Z"),
            "string(date)" => json!("2024-02-29"),
            "string(time)" => json!("12:30:00.5"),
            "string(datetime)" => json!("2024-02-29T12:30:00"),
            "string(weekday)" => json!("Mon"),
            "string(month)" => json!("January"),
            "string(ip)" => json!("10.0.0.1"),
            "string(socket)" => json!("10.0.0.1:80"),
            "string(decimal)" => json!("12.50"),
            "map<string, json>" => json!({ "a": number }),
            text if text.starts_with("[^") || text.ends_with('?') => {
                if text.starts_with('[') {
                    json!([])
                } else {
                    Value::Null
                }
            }
            text if text.starts_with('i') || text.starts_with('u') => json!(number + 1),
            other => panic!("{other} is not known here"),
        }
    }
}
