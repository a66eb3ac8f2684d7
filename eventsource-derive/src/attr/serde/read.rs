//! Key by key: what each means for the JSON, or why it cannot be said.

use proc_macro2::{Span, TokenTree};
use syn::meta::ParseNestedMeta;
use syn::{Attribute, LitStr, Token, Type, token};

use super::case::{CASES, Case};
use super::{SerdeContainer, SerdeField, SerdeVariant, Tagging};
use crate::attr::Spanned;
use crate::errors::Errors;

/// Reads what stands above a struct or an enum.
pub(crate) fn read_container(attrs: &[Attribute], is_enum: bool, errors: &Errors) -> SerdeContainer {
    let mut said = SerdeContainer::default();
    let (mut tag, mut content, mut untagged) = (None, None, false);
    let (mut from, mut into) = (None::<(Span, Type)>, None::<(Span, Type)>);
    read(attrs, errors, |key, meta| {
        let span = meta.path.segments[0].ident.span();
        match key {
            "rename_all" => said.rename_all = case(meta)?,
            "rename_all_fields" => said.rename_all_fields = case(meta)?,
            "deny_unknown_fields" => said.strict = true,
            "default" => {
                skip_value(meta)?;
                said.default = true;
            }
            "transparent" => said.transparent = true,
            "tag" if !is_enum => {
                return Err(
                    meta.error("`tag` on a struct writes its Rust name: make it an enum, or a field of its own")
                );
            }
            "tag" => tag = Some(text(meta)?.value),
            "content" => content = Some(text(meta)?.value),
            "untagged" => untagged = true,
            "from" | "try_from" => from = Some((span, ty(meta)?)),
            "into" => into = Some((span, ty(meta)?)),
            // None of these reaches the JSON.
            "rename" | "bound" | "crate" | "expecting" => skip_value(meta)?,
            "remote" | "variant_identifier" | "field_identifier" => {
                skip_value(meta)?;
                said.hidden = Some(span);
            }
            _ => return unknown(meta, key),
        }
        Ok(())
    });
    said.tagging = match (tag, content, untagged) {
        (Some(tag), Some(content), _) => Tagging::Adjacent { tag, content },
        (Some(tag), None, _) => Tagging::Internal { tag },
        (None, _, true) => Tagging::Untagged,
        (None, _, false) => Tagging::External,
    };
    match (from, into) {
        (Some((_, from)), Some((_, into))) if from == into => said.through = Some(into),
        (None, None) => {}
        (from, into) => said.hidden = from.or(into).map(|(span, _)| span),
    }
    said
}

/// Reads what stands above a field.
pub(crate) fn read_field(attrs: &[Attribute], errors: &Errors) -> SerdeField {
    let mut said = SerdeField::default();
    let (mut unwritten, mut unread) = (None, None);
    read(attrs, errors, |key, meta| {
        let span = meta.path.segments[0].ident.span();
        match key {
            "rename" => said.rename = rename(meta)?,
            "default" | "skip_serializing_if" => {
                skip_value(meta)?;
                said.optional = true;
            }
            "skip" => said.skipped = true,
            "skip_serializing" => unwritten = Some(span),
            "skip_deserializing" => unread = Some(span),
            "flatten" => said.flatten = Some(span),
            "with" | "serialize_with" | "deserialize_with" => {
                skip_value(meta)?;
                said.hidden = Some(span);
            }
            // An alias is read and never written; the others do not reach the JSON.
            "alias" | "borrow" | "bound" => skip_value(meta)?,
            _ => return unknown(meta, key),
        }
        Ok(())
    });
    said.skipped |= both_or_none(unwritten, unread, errors);
    said
}

/// Reads what stands above a variant.
pub(crate) fn read_variant(attrs: &[Attribute], errors: &Errors) -> SerdeVariant {
    let mut said = SerdeVariant::default();
    let (mut unwritten, mut unread) = (None, None);
    read(attrs, errors, |key, meta| {
        let span = meta.path.segments[0].ident.span();
        match key {
            "rename" => said.rename = rename(meta)?,
            "rename_all" => said.rename_all = case(meta)?,
            "skip" => said.skipped = true,
            "skip_serializing" => unwritten = Some(span),
            "skip_deserializing" => unread = Some(span),
            "with" | "serialize_with" | "deserialize_with" => {
                skip_value(meta)?;
                said.hidden = Some(span);
            }
            "alias" | "borrow" | "bound" | "other" => skip_value(meta)?,
            "untagged" => {
                return Err(meta.error(
                    "one untagged variant among tagged ones is not understood: make all of them untagged, or none",
                ));
            }
            _ => return unknown(meta, key),
        }
        Ok(())
    });
    said.skipped |= both_or_none(unwritten, unread, errors);
    said
}

/// What is only written, or only read, has two shapes.
fn both_or_none(unwritten: Option<Span>, unread: Option<Span>, errors: &Errors) -> bool {
    if let (Some(span), None) | (None, Some(span)) = (unwritten, unread) {
        errors
            .at(span, "what is written and what is read must have one shape: use `skip`, which leaves it out of both");
    }
    unwritten.is_some() && unread.is_some()
}

/// Hands each key of each `#[serde(..)]` to `each`. A key that is refused does not hide the others.
fn read(attrs: &[Attribute], errors: &Errors, mut each: impl FnMut(&str, &ParseNestedMeta<'_>) -> syn::Result<()>) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
        let parsed = attr.parse_nested_meta(|meta| {
            let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            if let Err(error) = each(&key, &meta) {
                errors.push(error);
                while !meta.input.is_empty() && !meta.input.peek(Token![,]) {
                    meta.input.parse::<TokenTree>()?;
                }
            }
            Ok(())
        });
        if let Err(error) = parsed {
            errors.push(error);
        }
    }
}

fn unknown(meta: &ParseNestedMeta<'_>, key: &str) -> syn::Result<()> {
    Err(meta.error(format!(
        "what `{key}` means for the stored JSON is not known: remove it, or say the shape with #[event(schema = \"..\")]"
    )))
}

fn text(meta: &ParseNestedMeta<'_>) -> syn::Result<Spanned<String>> {
    let literal: LitStr = meta.value()?.parse()?;
    Ok(Spanned { value: literal.value(), span: literal.span() })
}

fn ty(meta: &ParseNestedMeta<'_>) -> syn::Result<Type> {
    meta.value()?.parse::<LitStr>()?.parse()
}

fn case(meta: &ParseNestedMeta<'_>) -> syn::Result<Option<Case>> {
    let Some(name) = rename(meta)? else { return Ok(None) };
    match CASES.iter().find(|(known, _)| *known == name.value) {
        Some((_, case)) => Ok(Some(*case)),
        None => Err(syn::Error::new(name.span, format!("`{}` is no case that is known here", name.value))),
    }
}

/// `rename = "x"`, or `rename(serialize = "x", deserialize = "x")` where both say the same.
fn rename(meta: &ParseNestedMeta<'_>) -> syn::Result<Option<Spanned<String>>> {
    if !meta.input.peek(token::Paren) {
        return text(meta).map(Some);
    }
    let mut names = Vec::new();
    meta.parse_nested_meta(|meta| {
        names.push(text(&meta)?);
        Ok(())
    })?;
    match names.as_slice() {
        [one, other] if one.value == other.value => Ok(names.pop()),
        _ => Err(meta.error(
            "what is written and what is read must have one name: write `rename = \"..\"`, and `alias` for older ones",
        )),
    }
}

/// Steps over `= value` or `(..)`.
fn skip_value(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    while !meta.input.is_empty() && !meta.input.peek(Token![,]) {
        meta.input.parse::<TokenTree>()?;
    }
    Ok(())
}
