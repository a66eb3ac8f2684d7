//! What a value looks like as JSON: a tree of constants.

/// The JSON that a type is stored as.
///
/// ```
/// use eventsource_schema::{Field, Shape, Struct, text};
///
/// const MONEY: &Shape = &Shape::Struct(&Struct {
///     fields: &[
///         Field { name: "minor", optional: false, flatten: false, shape: &Shape::Text("i64") },
///         Field { name: "currency", optional: false, flatten: false, shape: &Shape::Text("string") },
///     ],
///     strict: false,
/// });
/// assert_eq!(text(MONEY), "{ currency: string, minor: i64 }");
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// What this text says: `i64`, `string(uuid)`, or any other text of a shape.
    Text(&'static str),
    /// The value, or `null`; a field of it may be absent.
    Option(&'static Shape),
    /// The same JSON as the value; but where serde allows an optional field to be absent, it demands this one.
    Newtype(&'static Shape),
    /// An array of any length.
    List(&'static Shape),
    /// An array of so many.
    Array(&'static Shape, usize),
    /// An array of different values.
    Tuple(&'static [&'static Shape]),
    /// An object whose keys are values.
    Map {
        /// The keys, as they are before they become texts.
        key: &'static Shape,
        /// The values.
        value: &'static Shape,
    },
    /// An object whose keys are known.
    Struct(&'static Struct),
    /// One of several.
    Enum {
        /// Where the name of the variant stands.
        tagging: Tagging,
        /// The variants, in declared order.
        variants: &'static [Variant],
    },
    /// Nothing is known of it but the type's name.
    Unknown(&'static str),
}

/// An object whose keys are known.
#[derive(Clone, Copy, Debug)]
pub struct Struct {
    /// Its fields, in any order.
    pub fields: &'static [Field],
    /// Whether other fields are refused.
    pub strict: bool,
}

/// A key of an object.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// It may be absent even if its shape does not say so.
    pub optional: bool,
    /// Not a key: the fields of the shape stand in its place.
    pub flatten: bool,
    /// Its value.
    pub shape: &'static Shape,
}

/// Where the name of a variant stands.
#[derive(Clone, Copy, Debug)]
pub enum Tagging {
    /// `{"Name": payload}`, or `"Name"` without one
    External,
    /// `{"tag": "Name", ..}`
    Internal(&'static str),
    /// `{"tag": "Name", "content": payload}`
    Adjacent(&'static str, &'static str),
    /// Nowhere.
    Untagged,
}

/// One of several.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Its name; of no meaning where variants are untagged.
    pub name: &'static str,
    /// What it holds, if anything.
    pub payload: Option<&'static Shape>,
}

impl Shape {
    /// Whether serde reads an absent field of this shape.
    pub const fn may_be_absent(&self) -> bool {
        match self {
            Self::Option(_) => true,
            Self::Text(text) => ends_in_question(text),
            _ => false,
        }
    }

    /// Whether `null` is among its values.
    pub const fn may_be_null(&self) -> bool {
        match self {
            Self::Option(_) => true,
            Self::Newtype(inner) => inner.may_be_null(),
            Self::Text(text) => ends_in_question(text) || crate::out::same(text.as_bytes(), b"null"),
            _ => false,
        }
    }

    /// The fields of an object, through newtypes.
    pub(crate) const fn as_struct(&self) -> Option<&'static Struct> {
        match self {
            Self::Struct(inner) => Some(inner),
            Self::Newtype(inner) => inner.as_struct(),
            _ => None,
        }
    }

    /// The first type of which nothing is known.
    pub const fn unknown(&self) -> Option<&'static str> {
        match self {
            Self::Unknown(name) => Some(name),
            Self::Text(_) => None,
            Self::Option(inner) | Self::Newtype(inner) | Self::List(inner) | Self::Array(inner, _) => inner.unknown(),
            Self::Map { key, value } => match key.unknown() {
                Some(name) => Some(name),
                None => value.unknown(),
            },
            Self::Tuple(elements) => {
                let mut i = 0;
                while i < elements.len() {
                    if let Some(name) = elements[i].unknown() {
                        return Some(name);
                    }
                    i += 1;
                }
                None
            }
            Self::Struct(inner) => {
                let mut i = 0;
                while i < inner.fields.len() {
                    if let Some(name) = inner.fields[i].shape.unknown() {
                        return Some(name);
                    }
                    i += 1;
                }
                None
            }
            Self::Enum { variants, .. } => {
                let mut i = 0;
                while i < variants.len() {
                    if let Some(payload) = variants[i].payload
                        && let Some(name) = payload.unknown()
                    {
                        return Some(name);
                    }
                    i += 1;
                }
                None
            }
        }
    }
}

impl Field {
    /// Whether it may be absent, for either reason.
    pub const fn may_be_absent(&self) -> bool {
        self.optional || self.shape.may_be_absent()
    }
}

const fn ends_in_question(text: &str) -> bool {
    matches!(text.as_bytes().last(), Some(b'?'))
}
