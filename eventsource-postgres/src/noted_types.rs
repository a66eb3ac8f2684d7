//! Names and versions of events, noted when this process first stores them.

use eventsource_core::backend::KnownTypes;
use eventsource_core::{AppendRequest, StoreError};

use crate::connect::Connections;
use crate::sql::Sql;

/// The types that the store is known to have noted.
#[derive(Default)]
pub(crate) struct Types(KnownTypes);

impl Types {
    /// Notes what is new, in a statement of its own before the append: in the append's transaction, the first
    /// appends of two processes would wait for each other. A type may so be noted whose first event was refused.
    pub(crate) async fn note(
        &self,
        connections: &Connections,
        sql: &Sql,
        request: &AppendRequest,
    ) -> Result<(), StoreError> {
        let unknown = self.0.unknown(&[request]);
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
        self.0.remember(unknown);
        Ok(())
    }
}
