//! Rules of stored shapes.

use eventsource_schema::check_shape;

use crate::errors::Errors;
use crate::model::TypeShape;

pub(super) fn shape(shape: &TypeShape, errors: &Errors) {
    said_shapes_are_shapes(shape, errors);
    wire_names_are_distinct(shape, errors);
}

/// What the user says is written into the lock and compared there, so it must be readable.
fn said_shapes_are_shapes(shape: &TypeShape, errors: &Errors) {
    for said in shape.said() {
        if let Err(message) = check_shape(&said.value) {
            errors.at(said.span, message);
        }
    }
}

/// serde writes both, and reads one of them.
fn wire_names_are_distinct(shape: &TypeShape, errors: &Errors) {
    for object in shape.objects() {
        for (at, field) in object.fields.iter().enumerate().filter(|(_, field)| field.flatten.is_none()) {
            if object.fields[..at].iter().any(|earlier| earlier.name.value == field.name.value) {
                errors.at(field.name.span, format!("two fields are stored as `{}`", field.name.value));
            }
        }
    }
    if let TypeShape::Enum(tagging, variants) = shape
        && *tagging != crate::attr::serde::Tagging::Untagged
    {
        for (at, variant) in variants.iter().enumerate() {
            if variants[..at].iter().any(|earlier| earlier.name.value == variant.name.value) {
                errors.at(variant.name.span, format!("two variants are stored as `{}`", variant.name.value));
            }
        }
    }
}
