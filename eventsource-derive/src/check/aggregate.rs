//! Rules of an aggregate.

use quote::ToTokens;

use crate::errors::Errors;
use crate::model::{Aggregate, Member};

/// The generated enum has one variant for each event, called like the event.
pub(super) fn variants_are_distinct(members: &[Member], errors: &Errors) {
    for (at, member) in members.iter().enumerate() {
        let Some(earlier) = members[..at].iter().find(|earlier| earlier.variant == member.variant) else { continue };
        let (event, name) = (member.event.to_token_stream().to_string(), &member.variant);
        errors.on(
            &member.event,
            if earlier.event.to_token_stream().to_string() == event {
                format!("`{name}` is listed twice")
            } else {
                let path = event.replace(' ', "");
                format!("two events would be the variant `{name}`: write `use {path} as Other{name};` and list `Other{name}`")
            },
        );
    }
}

/// A snapshot each 0 events is never taken; whoever wants none leaves the key out.
pub(super) fn snapshots_are_taken(aggregate: &Aggregate, errors: &Errors) {
    if let Some(snapshot) = aggregate.snapshot.as_ref().filter(|snapshot| snapshot.every.value == 0) {
        errors.at(snapshot.every.span, "a snapshot is taken each 1 or more events; for none, remove `snapshot`");
    }
}
