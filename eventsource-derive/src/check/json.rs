//! Types whose values JSON does not give back.

use syn::{GenericArgument, PathArguments, Type};

use crate::errors::Errors;

/// serde_json writes some values without a word such that they read back as others, and refuses
/// some keys only when the first of them is written: both are seen in the type already.
pub(super) fn comes_back(ty: &Type, errors: &Errors) {
    let Some((name, arguments)) = generic(ty) else {
        return parts(ty).into_iter().for_each(|part| comes_back(part, errors));
    };
    match (name.as_str(), arguments.as_slice()) {
        ("Option", [inner]) if is_null(through(inner)) => errors.on(
            ty,
            "JSON writes `Some(None)` and `None` alike, as null: use an enum that names the cases, or `#[serde(with = \"..\")]`",
        ),
        (map, [key, ..]) if is_map(map) && !is_key(through(key)) => {
            errors.on(key, "a key of a JSON object is a text or a number: use a list of pairs, or `#[serde(with = \"..\")]`");
        }
        _ => {}
    }
    arguments.into_iter().for_each(|argument| comes_back(argument, errors));
}

fn is_map(name: &str) -> bool {
    ["HashMap", "BTreeMap", "IndexMap"].contains(&name)
}

fn is_list(name: &str) -> bool {
    ["Vec", "VecDeque", "LinkedList", "HashSet", "BTreeSet", "IndexSet"].contains(&name)
}

fn is_null(ty: &Type) -> bool {
    match ty {
        Type::Tuple(tuple) => tuple.elems.is_empty(),
        _ => generic(ty).is_some_and(|(name, _)| name == "Option"),
    }
}

/// False only where the tokens show a type that serde_json refuses; an alias or a struct may be anything.
fn is_key(ty: &Type) -> bool {
    match ty {
        Type::Tuple(_) | Type::Array(_) | Type::Slice(_) => false,
        _ => generic(ty).is_none_or(|(name, _)| !is_map(&name) && !is_list(&name) && name != "Option"),
    }
}

/// The type that serde sees behind boxes, references and parentheses.
fn through(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => through(&inner.elem),
        Type::Group(inner) => through(&inner.elem),
        Type::Reference(inner) => through(&inner.elem),
        Type::Path(_) => match last_arguments(ty) {
            Some((name, arguments)) if ["Box", "Rc", "Arc"].contains(&name.as_str()) && arguments.len() == 1 => {
                through(arguments[0])
            }
            _ => ty,
        },
        _ => ty,
    }
}

/// The last name of a path with its type arguments, such as `Option` and `[u64]`.
fn generic(ty: &Type) -> Option<(String, Vec<&Type>)> {
    last_arguments(through_groups(ty))
}

fn last_arguments(ty: &Type) -> Option<(String, Vec<&Type>)> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    Some((last.ident.to_string(), types.collect()))
}

fn through_groups(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => through_groups(&inner.elem),
        Type::Group(inner) => through_groups(&inner.elem),
        _ => ty,
    }
}

fn parts(ty: &Type) -> Vec<&Type> {
    match ty {
        Type::Tuple(tuple) => tuple.elems.iter().collect(),
        Type::Array(array) => vec![&array.elem],
        Type::Slice(slice) => vec![&slice.elem],
        Type::Reference(reference) => vec![&reference.elem],
        _ => Vec::new(),
    }
}
