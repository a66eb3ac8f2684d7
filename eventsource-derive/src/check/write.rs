//! An older version that is still written can be made out of the newest.

use quote::ToTokens;
use syn::Type;

use crate::errors::Errors;
use crate::model::Event;

pub(super) fn check(event: &Event, in_order: bool, errors: &Errors) {
    let Some(write) = &event.history.write else { return };
    if event.history.doubtful || !in_order || !an_older_version_is_written(event, write.value, errors) {
        return;
    }
    raw_steps_have_no_way_back(event, write.value, errors);
    changed_fields_have_a_way_back(event, write.value, errors);
    removed_fields_have_a_value(event, write.value, errors);
}

/// The version itself needs no `write`, and what nobody reads must not be written.
fn an_older_version_is_written(event: &Event, write: u32, errors: &Errors) -> bool {
    let history = &event.history;
    let (version, oldest) = (history.version.value, history.oldest());
    let Some(span) = history.write.as_ref().map(|write| write.span) else { return false };
    if write >= version {
        let text =
            format!("`write` names an older version than {version}, for programs that do not know it: remove it");
        errors.at(span, text);
    } else if write < oldest {
        errors.at(span, format!("version {write} is written, but the oldest that is read is {oldest}"));
    } else {
        return true;
    }
    false
}

/// A function on JSON says how old becomes new, and nothing says how new becomes old.
fn raw_steps_have_no_way_back(event: &Event, write: u32, errors: &Errors) {
    let steps = event.history.upcasts.iter().filter(|step| step.with.is_some() && step.from.value >= write);
    for step in steps {
        let text = format!(
            "version {write} is written, and a step on raw JSON has no way back: declare this step with attributes, \
             or with `previous` and `impl From<&{}>` for that struct",
            event.ident
        );
        errors.at(step.from.span, text);
    }
}

/// A value of the newest type must become one of the type that is written.
fn changed_fields_have_a_way_back(event: &Event, write: u32, errors: &Errors) {
    for field in &event.fields {
        for changed in field.changes_after(write).into_iter().filter(|changed| changed.back.is_none()) {
            let (new, old) = (shown(field.type_at(changed.version.value)), shown(&changed.from));
            let text = format!(
                "version {write} is written, so this needs a way back: add `back = path`, a fn(&{new}) -> {old}"
            );
            errors.at(changed.version.span, text);
        }
    }
}

/// A field that readers of the version demand must hold something.
fn removed_fields_have_a_value(event: &Event, write: u32, errors: &Errors) {
    let removed = event.history.removed.iter().filter(|removed| removed.is_in(write));
    for removed in removed.filter(|removed| removed.default.is_none()) {
        let text = format!(
            "version {write} is written, and its readers find `{}` there: add `from = Type, default = ..`",
            removed.field.value
        );
        errors.at(removed.field.span, text);
    }
}

/// A type as somebody would write it.
fn shown(ty: &Type) -> String {
    let tokens: String = ty.to_token_stream().into_iter().map(|token| token.to_string()).collect();
    tokens.replace(',', ", ")
}
