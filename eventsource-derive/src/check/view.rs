//! Rules of a view.

use crate::attr::Spanned;
use crate::errors::Errors;
use crate::model::View;

/// So that the name of a table, with version and fingerprint, fits into the 63 bytes of PostgreSQL.
const MAX_NAME: usize = 40;
const MAX_COLUMN: usize = 63;
/// SQLite binds at most 32,766 values in a statement; many rows of so many columns still fit.
const MAX_COLUMNS: usize = 100;

/// What some store has under this name beside the views.
const TAKEN: &[&str] = &[
    "checkpoints",
    "event_log",
    "events",
    "maintenance_permit",
    "parked",
    "snapshots",
    "store",
    "turn",
    "types",
    "views",
];

/// Every table of PostgreSQL has these columns already.
const SYSTEM_COLUMNS: &[&str] = &["cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"];

/// The name is that of a table for everybody who reads rows with SQL.
pub(super) fn name_is_free(name: &Spanned<String>, errors: &Errors) {
    let text = &name.value;
    let body = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !text.starts_with(|first: char| first.is_ascii_lowercase()) || !text.bytes().all(body) {
        let message = format!("`{text}` is not the name of a view: lower-case letters, digits and `_`, a letter first");
        errors.at(name.span, message);
    } else if text.len() > MAX_NAME {
        errors.at(name.span, format!("the name of a view has at most {MAX_NAME} bytes, this one has {}", text.len()));
    } else if TAKEN.contains(&text.as_str()) || text.starts_with("sqlite_") || text.starts_with("pg_") {
        errors.at(name.span, format!("stores have something else under the name `{text}`: choose another one"));
    }
}

/// A checkpoint counts versions from 1.
pub(super) fn version_starts_at_one(view: &View, errors: &Errors) {
    if view.version.value == 0 {
        errors.at(view.version.span, "versions start at 1");
    }
}

/// A row is found, replaced and deleted by one value.
pub(super) fn key_is_one(view: &View, errors: &Errors) {
    let mut keys = view.keys();
    match (keys.next(), keys.next()) {
        (None, _) if !view.columns.is_empty() && !view.doubtful => errors.at(
            view.ident.span(),
            "this view has no key: write #[view(key)] above the field by which its rows are told apart, or #[view(key = stream)]",
        ),
        (Some(first), Some(second)) => {
            let span = second.attr.key.as_ref().map_or(second.ident.span(), |key| key.span);
            errors.at(span, format!("a view has one key, and `{}` is it: a key of several parts is one text made of them", first.name));
        }
        _ => {}
    }
}

/// What is JSON has no order, and the key is found without an index of its own.
pub(super) fn attributes_agree(view: &View, errors: &Errors) {
    for column in &view.columns {
        let attr = &column.attr;
        match (&attr.key, attr.index, attr.json) {
            (Some(_), _, Some(json)) => errors.at(json, "a key is not JSON: it is one value that can be compared"),
            (Some(_), Some(index), None) => errors.at(index, "the key has an index already"),
            (None, Some(index), Some(_)) => {
                errors
                    .at(index, "JSON has no order, so it is not indexed: give what is looked for a column of its own");
            }
            _ => {}
        }
    }
}

/// A row that is made of several streams has no version, and one that is made of one has one.
pub(super) fn version_is_of_the_stream(view: &View, errors: &Errors) {
    let mut versions = view.versions();
    let Some(first) = versions.next() else { return };
    if let Some(second) = versions.next() {
        let span = second.attr.version.unwrap_or(second.ident.span());
        errors.at(span, format!("a row has one version of its stream, and `{}` is it", first.name));
    }
    let span = first.attr.version.unwrap_or(first.ident.span());
    if first.attr.key.is_some() {
        errors.at(span, "the key is not the version: give that a field of its own");
    } else if first.attr.json.is_some() {
        errors.at(span, "a version is not JSON: write `#[view(version)]` above a field of type `Version`");
    } else if !view.is_of_streams() && !view.doubtful && view.keys().next().is_some() {
        errors.at(
            span,
            "only a row of one stream has a version: write #[view(key = stream)] above the key, or leave this out",
        );
    }
}

/// Columns are called like their fields, in stores with rules of their own.
pub(super) fn columns_are_distinct(view: &View, errors: &Errors) {
    for (at, column) in view.columns.iter().enumerate() {
        let (name, span) = (&column.name, column.ident.span());
        if name.len() > MAX_COLUMN {
            errors
                .at(span, format!("the name of a column has at most {MAX_COLUMN} bytes, this one has {}", name.len()));
        } else if SYSTEM_COLUMNS.contains(&name.as_str()) || name.starts_with("__") {
            errors.at(span, format!("stores have a column `{name}` of their own: choose another name"));
        } else if let Some(same) = view.columns[..at].iter().find(|other| other.name.eq_ignore_ascii_case(name)) {
            // Of two equal fields the compiler tells.
            if same.name != *name {
                errors.at(span, format!("SQLite does not tell the columns `{}` and `{name}` apart", same.name));
            }
        }
    }
}

/// A row is a thing to look at; whatever is wider belongs into JSON or another view.
pub(super) fn columns_are_few(view: &View, errors: &Errors) {
    if let Some(column) = view.columns.get(MAX_COLUMNS) {
        let count = view.columns.len();
        errors.at(column.ident.span(), format!("a view has at most {MAX_COLUMNS} columns, this one has {count}"));
    }
}
