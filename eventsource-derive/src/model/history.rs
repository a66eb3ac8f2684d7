//! How payloads of every version become the newest: steps, and what each older version looked like.

use std::ops::RangeInclusive;

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::{Expr, ExprPath, Path, Type};

use super::event::{Event, Field};
use super::handed_on::SerdeKey;
use crate::attr::Spanned;
use crate::attr::event::Upcast;
use crate::attr::field::{Changed, Removed};

/// The steps of an event, in whatever way they are declared.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) version: Spanned<u32>,
    pub(crate) previous: Option<Type>,
    pub(crate) upcasts: Vec<Upcast>,
    pub(crate) oldest: Option<Spanned<u32>>,
    pub(crate) write: Option<Spanned<u32>>,
    /// What the attributes on fields, and `removed` above them, say: one for each version that they name.
    pub(crate) changes: Vec<Change>,
    pub(crate) removed: Vec<Removed>,
    /// A part of it could not be read, so nothing can be said about the rest.
    pub(crate) doubtful: bool,
}

/// That an attribute makes a step: `added = 3` on a field makes 2 -> 3.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) version: Spanned<u32>,
    /// The key that was written, such as `added`.
    pub(crate) key: &'static str,
    pub(crate) field: String,
}

/// Versions that are read in one way.
#[derive(Debug, PartialEq)]
pub(crate) struct Reading {
    pub(crate) versions: RangeInclusive<u32>,
    /// They are steps on raw JSON first, up to the shape.
    pub(crate) raw: bool,
    /// The version whose shape they have, or get by raw steps.
    pub(crate) shape: u32,
}

impl History {
    /// The oldest version that is read here; `previous` may read older ones.
    pub(crate) fn oldest(&self) -> u32 {
        self.oldest.as_ref().map_or(1, |oldest| oldest.value)
    }

    /// The steps on raw JSON, from the oldest.
    pub(crate) fn raw_steps(&self) -> Vec<(u32, &ExprPath)> {
        let mut steps: Vec<_> =
            self.upcasts.iter().filter_map(|step| Some((step.from.value, step.with.as_ref()?))).collect();
        steps.sort_by_key(|(from, _)| *from);
        steps
    }

    /// The oldest version whose shape the attributes tell: before it are only steps on raw JSON.
    pub(crate) fn oldest_shape(&self) -> u32 {
        self.raw_steps().last().map_or_else(|| self.oldest(), |(from, _)| from + 1)
    }

    /// Every way of reading, from the oldest; the last one reads the current shape.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let (version, first) = (self.version.value, self.oldest_shape());
        let mut starts: Vec<u32> = self.changes.iter().map(|change| change.version.value).collect();
        starts.retain(|start| (first + 1..=version).contains(start));
        starts.sort_unstable();
        starts.dedup();
        let mut readings = Vec::new();
        if self.oldest() < first {
            let shape = starts.first().map_or(version, |start| start - 1);
            readings.push(Reading { versions: self.oldest()..=first - 1, raw: true, shape });
        }
        let mut from = first;
        for start in starts {
            readings.push(Reading { versions: from..=start - 1, raw: false, shape: start - 1 });
            from = start;
        }
        readings.push(Reading { versions: from..=version, raw: false, shape: version });
        readings
    }

    /// The fields that the payloads of one version hold, as the attributes tell it; for versions from `oldest_shape` on.
    pub(crate) fn shape<'a>(&'a self, version: u32, fields: &'a [Field]) -> Vec<OldField<'a>> {
        let kept = fields.iter().filter(|field| !field.serde.skipped && field.is_in(version));
        let kept = kept.map(|field| field.at(version));
        let removed = self.removed.iter().filter(|removed| removed.is_in(version));
        kept.chain(removed.map(Removed::as_field)).collect()
    }
}

/// A field of one version, and where that is said: what a lock of this version is compared with.
#[derive(Debug)]
pub(crate) struct OldField<'a> {
    /// The field of today that it has become; none if it was removed.
    pub(crate) field: Option<&'a Field>,
    /// Its name in the JSON.
    pub(crate) wire: &'a str,
    /// Where the name is said: in `renamed` or `removed`, else at the field.
    pub(crate) wire_span: Span,
    /// An attribute says the name.
    pub(crate) is_said: bool,
    /// Its type; none if it was removed and nobody says what it was.
    pub(crate) ty: Option<&'a Type>,
    /// Where the type is said: in `changed` or `removed`, else at the field.
    pub(crate) ty_span: Span,
}

impl OldField<'_> {
    /// Its own fields stand in the JSON, and its name does not.
    pub(crate) fn is_flattened(&self) -> bool {
        self.field.is_some_and(|field| field.serde.flatten.is_some())
    }
}

impl Field {
    /// Whether payloads of the version hold it.
    pub(crate) fn is_in(&self, version: u32) -> bool {
        self.attr.added.as_ref().is_none_or(|added| added.value <= version)
    }

    /// The field as it was in a version.
    pub(crate) fn at(&self, version: u32) -> OldField<'_> {
        let (wire, wire_span, is_said) = match self.name_before(version) {
            Some(from) => (&from.value, from.span, true),
            None => (&self.wire, self.ident.span(), false),
        };
        let ty = self.type_at(version);
        OldField { field: Some(self), wire, wire_span, is_said, ty: Some(ty), ty_span: ty.span() }
    }

    /// The name that a later `renamed` gives for a version.
    pub(crate) fn name_before(&self, version: u32) -> Option<&Spanned<String>> {
        let later = self.attr.renamed.iter().filter(|renamed| renamed.version.value > version);
        later.min_by_key(|renamed| renamed.version.value).map(|renamed| &renamed.from)
    }

    /// The type in a version.
    pub(crate) fn type_at(&self, version: u32) -> &Type {
        self.changes_after(version).first().map_or(&self.ty, |changed| &changed.from)
    }

    /// The changes of type that lead from a version to today, in order.
    pub(crate) fn changes_after(&self, version: u32) -> Vec<&Changed> {
        let mut changes: Vec<_> = self.attr.changed.iter().filter(|changed| changed.version.value > version).collect();
        changes.sort_by_key(|changed| changed.version.value);
        changes
    }

    /// The steps that its attributes make.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> {
        let change = |version: &Spanned<u32>, key| Change { version: version.clone(), key, field: self.wire.clone() };
        let added = self.attr.added.iter().map(move |added| change(added, "added"));
        let renamed = self.attr.renamed.iter().map(move |renamed| change(&renamed.version, "renamed"));
        let changed = self.attr.changed.iter().map(move |changed| change(&changed.version, "changed"));
        added.chain(renamed).chain(changed)
    }
}

/// What stands in an added field when an older payload is read.
#[derive(Debug)]
pub(crate) enum Absent<'a> {
    /// `default = ..`
    Given(&'a Expr),
    /// `#[serde(default = "path")]`
    From(Path),
    /// What the struct's own default has there: `#[serde(default)]` above it.
    AsInDefault(&'a SerdeKey),
    /// `Default::default()`: `#[serde(default)]`, or an `Option`.
    Standard,
}

impl Event {
    /// What stands in a field when a payload is read from before it was added; none if nobody says.
    pub(crate) fn absent<'a>(&'a self, field: &'a Field) -> Option<Absent<'a>> {
        if let Some(default) = &field.attr.default {
            return Some(Absent::Given(&default.value));
        }
        let added = field.attr.added.as_ref()?.value;
        // serde's defaults are of the type of today.
        let is_of_today = field.changes_after(added).is_empty();
        let default_of = |keys: &'a [SerdeKey]| keys.iter().find(|key| key.name == "default");
        match (default_of(&field.serde_keys), default_of(&self.serde_keys)) {
            (Some(key), _) => match key.path() {
                Some(path) => is_of_today.then_some(Absent::From(path)),
                None => Some(Absent::Standard),
            },
            (None, Some(key)) if is_of_today => Some(Absent::AsInDefault(key)),
            _ => is_option(field.type_at(added)).then_some(Absent::Standard),
        }
    }
}

fn is_option(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Option"))
}

impl Removed {
    /// Whether payloads of the version hold it.
    pub(crate) fn is_in(&self, version: u32) -> bool {
        version < self.version.value && self.added.as_ref().is_none_or(|added| added.value <= version)
    }

    fn as_field(&self) -> OldField<'_> {
        let ty_span = self.from.as_ref().map_or(self.field.span, |ty| ty.span());
        OldField {
            field: None,
            wire: &self.field.value,
            wire_span: self.field.span,
            is_said: true,
            ty: self.from.as_ref(),
            ty_span,
        }
    }

    /// The steps that it makes.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> {
        let change =
            |version: &Spanned<u32>, key| Change { version: version.clone(), key, field: self.field.value.clone() };
        let added = self.added.iter().map(move |added| change(added, "added"));
        std::iter::once(change(&self.version, "removed")).chain(added)
    }
}

#[cfg(test)]
mod tests {
    use quote::ToTokens as _;

    use crate::attr::event::read_event;
    use crate::errors::Errors;
    use crate::model::Event;

    #[test]
    fn each_version_has_its_names_and_types_and_knows_who_says_so() {
        let input = syn::parse_str(
            r#"#[event(name = "a", version = 4, removed(field = "teller", in = 3, from = Name), removed(field = "x", in = 2))]
               #[serde(rename_all = "camelCase")]
               struct A {
                   #[event(renamed(from = "cents", in = 3), changed(in = 3, from = u8, with = f), changed(in = 4, from = u16, with = g))]
                   sum_total: u32,
                   #[event(added = 4, default = 1)]
                   count: u8,
               }"#,
        );
        let (input, errors) = (input.unwrap(), Errors::new());
        let event = Event::new(&input, read_event(&input, &errors), syn::parse_quote!(es), &errors);
        errors.finish().unwrap();
        let text = |span: proc_macro2::Span| span.source_text().unwrap_or_default();
        let shape = |version| -> Vec<String> {
            let fields = event.history.shape(version, &event.fields);
            let shown = fields.iter().map(|field| {
                let ty = field.ty.map(|ty| ty.to_token_stream().to_string()).unwrap_or_default();
                format!("{}: {ty} said at {}, {}", field.wire, text(field.wire_span), text(field.ty_span))
            });
            shown.collect()
        };
        assert_eq!(
            shape(1),
            ["cents: u8 said at \"cents\", u8", "teller: Name said at \"teller\", Name", "x:  said at \"x\", \"x\"",]
        );
        assert_eq!(shape(2), ["cents: u8 said at \"cents\", u8", "teller: Name said at \"teller\", Name"]);
        assert_eq!(shape(3), ["sumTotal: u16 said at sum_total, u16"]);
        assert_eq!(shape(4), ["sumTotal: u32 said at sum_total, u32", "count: u8 said at count, u8"]);
    }
}
