//! Rules of a set of events.

use quote::ToTokens;

use crate::errors::Errors;
use crate::model::Set;

/// A stored name leads to one variant, and `From<Event>` must know which.
pub(super) fn members_are_distinct(set: &Set, errors: &Errors) {
    let texts: Vec<String> = set.members.iter().map(|member| member.event.to_token_stream().to_string()).collect();
    for (at, member) in set.members.iter().enumerate() {
        if texts[..at].contains(&texts[at]) {
            errors.on(&member.event, format!("two variants of this set hold `{}`", texts[at]));
        }
    }
}
