//! A number that changes with the fields of a state and how serde writes them.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Data, DeriveInput, Fields, GenericArgument, PathArguments, Type};

/// FNV-1a over the tokens of the fields, their types and all serde attributes, in declared order.
///
/// Documentation, visibility, white space and other attributes do not count. Two shapes with one
/// number are not to be expected, and a number that changed without need costs one snapshot.
pub(super) fn of(input: &DeriveInput) -> u64 {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    hash.serde(&input.attrs);
    match &input.data {
        Data::Struct(data) => hash.fields(&data.fields),
        Data::Enum(data) => {
            for variant in &data.variants {
                hash.serde(&variant.attrs);
                hash.text(&variant.ident.to_string());
                hash.fields(&variant.fields);
            }
        }
        Data::Union(_) => {}
    }
    hash.0
}

/// The types that a state names: those of its fields, and in them those that they are made with, such as the `Money`
/// of `HashMap<Key, Money>`, which may have a schema where the whole has none.
pub(super) fn types(input: &DeriveInput) -> Vec<Type> {
    let fields: Vec<_> = match &input.data {
        Data::Struct(data) => data.fields.iter().collect(),
        Data::Enum(data) => data.variants.iter().flat_map(|variant| &variant.fields).collect(),
        Data::Union(_) => Vec::new(),
    };
    let mut types: Vec<Type> = Vec::new();
    for field in fields {
        gather(&field.ty, &mut types);
    }
    types
}

fn gather(ty: &Type, types: &mut Vec<Type>) {
    if !types.contains(ty) {
        types.push(ty.clone());
    }
    match ty {
        // So a type arrives that was given to a macro.
        Type::Group(group) => gather(&group.elem, types),
        Type::Paren(paren) => gather(&paren.elem, types),
        Type::Array(array) => gather(&array.elem, types),
        Type::Tuple(tuple) => tuple.elems.iter().for_each(|ty| gather(ty, types)),
        Type::Path(path) => {
            let last = path.path.segments.last();
            let Some(PathArguments::AngleBracketed(arguments)) = last.map(|last| &last.arguments) else { return };
            for argument in &arguments.args {
                if let GenericArgument::Type(ty) = argument {
                    gather(ty, types);
                }
            }
        }
        _ => {}
    }
}

struct Fnv(u64);

impl Fnv {
    fn text(&mut self, text: &str) {
        // The zero byte ends each text, so that `ab c` and `a bc` differ.
        for byte in text.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn fields(&mut self, fields: &Fields) {
        self.text(match fields {
            Fields::Named(_) => "{",
            Fields::Unnamed(_) => "(",
            Fields::Unit => ";",
        });
        for field in fields {
            self.serde(&field.attrs);
            self.tokens(field.ident.to_token_stream());
            self.tokens(field.ty.to_token_stream());
        }
    }

    fn serde(&mut self, attrs: &[Attribute]) {
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
            self.tokens(attr.meta.to_token_stream());
        }
    }

    /// Token by token: how a stream prints its spaces differs between compilers.
    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => ("", ""),
                    };
                    self.text(open);
                    self.tokens(group.stream());
                    self.text(close);
                }
                other => self.text(&other.to_string()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(input: &str) -> u64 {
        of(&syn::parse_str(input).unwrap())
    }

    #[test]
    fn documentation_visibility_and_white_space_do_not_count() {
        let plain = fingerprint("struct A { cents: Option<u64>, owner: String }");
        let dressed = "/// An account.\n#[derive(Clone)] pub struct A {\n  /// Cents.\n  pub cents: Option < u64 >, pub(crate) owner: String, }";
        assert_eq!(fingerprint(dressed), plain);
    }

    #[test]
    fn it_is_the_same_in_every_build() {
        assert_eq!(fingerprint("struct A { cents: u64 }"), fingerprint("struct B { cents: u64 }"));
        assert_eq!(fingerprint("struct A { cents: u64 }"), 6_567_887_812_876_902_156);
    }

    #[test]
    fn every_change_of_shape_counts() {
        let shapes = [
            "struct A { cents: u64 }",
            "struct A { cents: u32 }",
            "struct A { euros: u64 }",
            "struct A { cents: u64, owner: String }",
            "struct A { owner: String, cents: u64 }",
            "struct A { #[serde(rename = \"c\")] cents: u64 }",
            "#[serde(rename_all = \"camelCase\")] struct A { cents: u64 }",
            "struct A(u64);",
            "struct A;",
            "enum A { Open { cents: u64 }, Closed }",
            "enum A { Closed, Open { cents: u64 } }",
            "enum A { Open(u64), Closed }",
        ];
        let distinct: std::collections::HashSet<_> = shapes.iter().map(|shape| fingerprint(shape)).collect();
        assert_eq!(distinct.len(), shapes.len());
    }
}
