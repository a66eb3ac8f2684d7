//! What a name that reaches disk may look like.

/// A name that cannot be stored, with the rule that it breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {name:?} {rule}")]
pub struct NameError {
    what: &'static str,
    name: String,
    rule: &'static str,
}

impl NameError {
    pub(crate) fn new(what: &'static str, name: &str, rule: &'static str) -> Self {
        // A refused name may be of any length; the message stays readable.
        let shown = name.chars().take(80).collect();
        Self { what, name: shown, rule }
    }
}

pub(crate) const MAX_CATEGORY: usize = 63;
pub(crate) const MAX_STREAM: usize = 255;
pub(crate) const MAX_EVENT_NAME: usize = 127;
pub(crate) const MAX_COMMAND_KEY: usize = 255;

/// A category is `[a-z][a-z0-9_]*`, at most 63 bytes; the framework's own begin with `$`.
pub(crate) fn check_category(name: &str) -> Result<(), NameError> {
    let bare = name.strip_prefix('$').unwrap_or(name);
    let body = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if name.len() > MAX_CATEGORY || !starts_lower(bare) || !bare.bytes().all(body) {
        let rule = "is not a category: lower-case letters, digits and `_`, a letter first, at most 63 bytes";
        return Err(NameError::new("category", name, rule));
    }
    Ok(())
}

/// An event name is `[a-z][a-z0-9_.-]*`, at most 127 bytes; the framework's own begin with `$`.
pub(crate) fn check_event_name(name: &str) -> Result<(), NameError> {
    let bare = name.strip_prefix('$').unwrap_or(name);
    let body = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b);
    if name.len() > MAX_EVENT_NAME || !starts_lower(bare) || !bare.bytes().all(body) {
        let rule =
            "is not an event name: lower-case letters, digits, `_`, `.` and `-`, a letter first, at most 127 bytes";
        return Err(NameError::new("event name", name, rule));
    }
    Ok(())
}

/// A command key is 1 to 255 bytes without control characters; `$` begins the framework's own.
pub(crate) fn check_command_key(key: &str) -> Result<(), NameError> {
    if key.is_empty() || key.len() > MAX_COMMAND_KEY {
        return Err(NameError::new("command key", key, "must have 1 to 255 bytes"));
    }
    if key.starts_with('$') {
        return Err(NameError::new("command key", key, "begins with `$`, which belongs to the framework"));
    }
    if key.chars().any(char::is_control) {
        return Err(NameError::new("command key", key, "has a control character"));
    }
    Ok(())
}

fn starts_lower(name: &str) -> bool {
    name.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
}

/// True for names that belong to the framework, such as `$maintenance`.
pub(crate) fn is_framework_name(name: &str) -> bool {
    name.starts_with('$')
}
