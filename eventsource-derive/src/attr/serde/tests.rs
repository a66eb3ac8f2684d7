//! What serde is told, and what of it is refused. The cases themselves are compared with serde in `tests/it`.

use syn::{DeriveInput, parse_str};

use super::*;
use crate::errors::Errors;

fn container(keys: &str, is_enum: bool) -> (SerdeContainer, Vec<String>) {
    let input: DeriveInput = parse_str(&format!("{keys} struct A;")).unwrap();
    gathered(|errors| read_container(&input.attrs, is_enum, errors))
}

fn field(keys: &str) -> (SerdeField, Vec<String>) {
    let input: DeriveInput = parse_str(&format!("{keys} struct A;")).unwrap();
    gathered(|errors| read_field(&input.attrs, errors))
}

fn variant(keys: &str) -> (SerdeVariant, Vec<String>) {
    let input: DeriveInput = parse_str(&format!("{keys} struct A;")).unwrap();
    gathered(|errors| read_variant(&input.attrs, errors))
}

fn gathered<T>(read: impl FnOnce(&Errors) -> T) -> (T, Vec<String>) {
    let errors = Errors::new();
    let value = read(&errors);
    let texts = errors.finish().err().into_iter().flatten();
    let shown = |error: syn::Error| format!("{}: {error}", error.span().source_text().unwrap_or_default());
    (value, texts.map(shown).collect())
}

#[test]
fn every_key_of_a_container_is_read() {
    let (said, errors) = container(
        r#"#[serde(rename = "B", rename_all = "camelCase", default = "f::g", deny_unknown_fields, bound = "")]
           #[serde(crate = "s", expecting = "x", rename_all_fields(serialize = "UPPERCASE", deserialize = "UPPERCASE"))]"#,
        false,
    );
    assert_eq!(errors, [""; 0]);
    assert_eq!((said.rename_all, said.rename_all_fields), (Some(Case::Camel), Some(Case::Upper)));
    assert!(said.default && said.strict && said.hidden.is_none());
    let tagging = |keys: &str| container(keys, true).0.tagging;
    assert_eq!(tagging("#[serde(tag = \"t\")]"), Tagging::Internal { tag: "t".into() });
    let adjacent = Tagging::Adjacent { tag: "t".into(), content: "c".into() };
    assert_eq!(tagging("#[serde(content = \"c\", tag = \"t\")]"), adjacent);
    assert_eq!(tagging("#[serde(untagged)]"), Tagging::Untagged);
}

#[test]
fn a_conversion_is_understood_where_both_ways_name_one_type() {
    assert!(container("#[serde(try_from = \"String\", into = \"String\")]", false).0.through.is_some());
    for keys in ["#[serde(from = \"u8\")]", "#[serde(into = \"u8\")]", "#[serde(from = \"u8\", into = \"u16\")]"] {
        let (said, errors) = container(keys, false);
        assert!(said.through.is_none() && said.hidden.is_some() && errors.is_empty(), "{keys}");
    }
}

#[test]
fn every_key_of_a_field_is_read() {
    let (said, errors) = field(
        r#"#[serde(rename = "b", alias = "c", default = "x", skip_serializing_if = "Option::is_none", borrow, flatten)]"#,
    );
    assert_eq!(errors, [""; 0]);
    assert_eq!(said.rename.unwrap().value, "b");
    assert!(said.optional && said.flatten.is_some() && !said.skipped && said.hidden.is_none());
    assert!(field("#[serde(skip)]").0.skipped);
    assert!(field("#[serde(skip_serializing, skip_deserializing)]").0.skipped);
    for key in ["with", "serialize_with", "deserialize_with"] {
        assert!(field(&format!("#[serde({key} = \"m\")]")).0.hidden.is_some(), "{key}");
    }
}

#[test]
fn what_is_not_understood_is_refused_on_its_key() {
    let refused = [
        (container("#[serde(colour = 1, deny_unknown_fields)]", true).1, "colour: what `colour` means"),
        (container("#[serde(tag = \"t\")]", false).1, "tag: `tag` on a struct"),
        (container("#[serde(rename_all = \"Title\")]", true).1, "\"Title\": `Title` is no case"),
        (field("#[serde(getter = \"f\")]").1, "getter: what `getter` means"),
        (field("#[serde(skip_serializing)]").1, "skip_serializing: what is written"),
        (field("#[serde(skip_deserializing, default)]").1, "skip_deserializing: what is written"),
        (
            field("#[serde(rename(serialize = \"a\", deserialize = \"b\"))]").1,
            "rename(serialize = \"a\", deserialize = \"b\"): what is written",
        ),
        (variant("#[serde(untagged)]").1, "untagged: one untagged variant"),
        (variant("#[serde(flatten)]").1, "flatten: what `flatten` means"),
    ];
    for (errors, expected) in refused {
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with(expected), "{errors:?}");
    }
}

#[test]
fn names_are_written_as_serde_writes_them() {
    let (said, _) =
        container("#[serde(rename_all = \"SCREAMING-KEBAB-CASE\", rename_all_fields = \"PascalCase\")]", true);
    let ident: Ident = parse_str("r#type").unwrap();
    assert_eq!(SerdeContainer::default().field_name(&ident, &SerdeField::default()), "type");
    let ident: Ident = parse_str("owner_name").unwrap();
    assert_eq!(said.field_name(&ident, &SerdeField::default()), "OWNER-NAME");
    assert_eq!(said.variant_field_name(&SerdeVariant::default(), &ident, &SerdeField::default()), "OwnerName");
    let (own, _) = variant("#[serde(rename_all = \"kebab-case\")]");
    assert_eq!(said.variant_field_name(&own, &ident, &SerdeField::default()), "owner-name");
    let ident: Ident = parse_str("WireTransfer").unwrap();
    assert_eq!(said.variant_name(&ident, &SerdeVariant::default()), "WIRE-TRANSFER");
    let (renamed, _) = variant("#[serde(rename = \"wire\", other)]");
    assert_eq!(said.variant_name(&ident, &renamed), "wire");
}
