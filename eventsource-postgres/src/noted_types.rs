//! Names and versions of events, noted when this process first stores them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use eventsource_core::{AppendRequest, StoreError};

use crate::connect::Connections;
use crate::sql::Sql;

type Type = (Cow<'static, str>, u32);

/// Types to remember at most; a store that has more only notes them again.
const KNOWN_TYPES: usize = 10_000;

/// The types that the store is known to have noted.
#[derive(Default)]
pub(crate) struct Types(Mutex<HashSet<Type>>);

impl Types {
    /// Notes what is new, in a statement of its own before the append: in the append's transaction, the first
    /// appends of two processes would wait for each other. A type may so be noted whose first event was refused.
    pub(crate) async fn note(
        &self,
        connections: &Connections,
        sql: &Sql,
        request: &AppendRequest,
    ) -> Result<(), StoreError> {
        let unknown = self.unknown(request);
        if unknown.is_empty() {
            return Ok(());
        }
        let (names, versions): (Vec<&str>, Vec<i32>) =
            unknown.iter().map(|(name, version)| (&**name, *version as i32)).unzip();
        connections
            .run(async |link| {
                sql.query(&sql.note_types).bind(&names).bind(&versions).execute(&mut link.pg).await?;
                Ok(())
            })
            .await?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + unknown.len() > KNOWN_TYPES {
            known.clear();
        }
        known.extend(unknown);
        Ok(())
    }

    /// Sorted, so that two processes cannot lock each other out.
    fn unknown(&self, request: &AppendRequest) -> Vec<Type> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let events = request.writes.iter().flat_map(|write| &write.events);
        let types = events.map(|event| (event.name.clone(), event.schema_version));
        let mut unknown: Vec<Type> = types.filter(|kind| !known.contains(kind)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }
}
