//! The statements on a view's table. Names come from the table alone, checked and quoted; everything else is bound.

use eventsource_core::backend::ScanPart;
use eventsource_core::{Column, ColumnKind, ColumnValue, Scan, StoreError, ViewTable};

use crate::sql::identifier;

/// A view's table with its names as identifiers.
pub(crate) struct ViewSql<'t> {
    pub(crate) table: &'t ViewTable,
    /// The schema.
    es: &'t str,
    /// The table, with its schema.
    pub(crate) name: String,
    /// Under which readers see it, with its schema.
    pub(crate) stable_name: String,
    columns: Vec<String>,
    key: String,
}

/// The greatest name of a view that leaves room for its table's version and fingerprint.
const NAME_BYTES: usize = 40;
/// As many columns as fit comfortably into a row of PostgreSQL.
const COLUMNS: usize = 500;
/// How many places the checkpoint takes in [`ViewSql::write`]; the deleted keys follow, and then the columns.
pub(crate) const CHECKPOINT_PLACES: usize = 7;

impl<'t> ViewSql<'t> {
    pub(crate) fn new(es: &'t str, table: &'t ViewTable) -> Result<Self, StoreError> {
        let invalid = |message: String| StoreError::invalid(format!("view {table}: {message}"));
        let rule = "lower-case letters, digits and `_`, and no digit first";
        let stable = identifier(table.name).filter(|_| table.name.len() <= NAME_BYTES);
        let stable = stable
            .ok_or_else(|| invalid(format!("its name is not allowed; it is {rule}, {NAME_BYTES} bytes at most")))?;
        let name = identifier(&table.table_name()).ok_or_else(|| invalid("its table has no name".to_owned()))?;
        let columns = table.columns.iter().map(|column| {
            column_identifier(column.name).ok_or_else(|| {
                invalid(format!(
                    "column {:?} is not allowed; it is letters, digits and `_`, 63 bytes at most",
                    column.name
                ))
            })
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        if columns.len() > COLUMNS {
            return Err(invalid(format!("{} columns are too many; {COLUMNS} are the most", columns.len())));
        }
        let key = columns.get(table.key).cloned().ok_or_else(|| invalid("it has no key".to_owned()))?;
        for column in table.columns {
            sql_type(column).ok_or_else(|| {
                invalid(format!("this release keeps no {:?}, which column {} holds", column.kind, column.name))
            })?;
        }
        Ok(Self { table, es, name: format!("{es}.{name}"), stable_name: format!("{es}.{stable}"), columns, key })
    }

    fn all_columns(&self) -> String {
        self.columns.join(", ")
    }

    /// What a row is read as: what sqlx has no type for comes as text.
    fn selected(&self) -> String {
        let one = |(column, name): (&Column, &String)| match column.kind {
            ColumnKind::Decimal | ColumnKind::Json => format!("{name}::text"),
            _ => name.clone(),
        };
        self.table.columns.iter().zip(&self.columns).map(one).collect::<Vec<_>>().join(", ")
    }

    /// The table, and an index for each column that has one: by the column, and by the key among equals.
    pub(crate) fn create(&self) -> String {
        let Self { table, name, columns, key, .. } = self;
        let column = |(column, name): (&Column, &String)| {
            let null = if column.nullable { "" } else { " NOT NULL" };
            format!("{name} {}{null}", sql_type(column).unwrap_or_default())
        };
        let listed = table.columns.iter().zip(columns).map(column).collect::<Vec<_>>().join(", ");
        // Room for updates that touch no index.
        let mut text = format!("CREATE TABLE {name} ({listed}, PRIMARY KEY ({key})) WITH (fillfactor = 80);\n");
        for (at, column) in table.columns.iter().enumerate() {
            if column.indexed && at != table.key {
                text += &format!("CREATE INDEX ON {name} ({} NULLS FIRST, {key});\n", columns[at]);
            }
        }
        text
    }

    /// Shows the table under the stable name, where nothing has it.
    pub(crate) fn show(&self) -> String {
        format!("CREATE VIEW {}", self.shown())
    }

    /// The same in the place of a view of the same columns.
    pub(crate) fn show_instead(&self) -> String {
        format!("CREATE OR REPLACE VIEW {}", self.shown())
    }

    fn shown(&self) -> String {
        format!("{} AS SELECT {} FROM {}", self.stable_name, self.all_columns(), self.name)
    }

    /// Takes the keys as an array.
    pub(crate) fn rows(&self) -> String {
        format!("SELECT {} FROM {} WHERE {} = ANY($1)", self.selected(), self.name, self.key)
    }

    /// What a statement answers, and in the columns behind it the row of the key that is bound at this place: nulls where
    /// there is none.
    pub(crate) fn row_beside(&self, statement: &str, place: usize) -> String {
        let Self { name, key, .. } = self;
        let kept = format!("SELECT {} FROM {name} WHERE {key} = ${place}", self.selected());
        format!("WITH done AS ({statement}) SELECT done.*, kept.* FROM done LEFT JOIN ({kept}) AS kept ON true")
    }

    /// Checkpoint, rows and deletions in one statement. If the checkpoint cannot be moved, nothing is written; it is
    /// not moved back either, so that a write whose answer was lost does no harm when it lands late.
    pub(crate) fn write(&self) -> String {
        let es = self.es;
        let (written, deleted) = self.changes(CHECKPOINT_PLACES, "EXISTS (SELECT FROM moved)");
        format!(
            "WITH moved AS (\
               INSERT INTO {es}.checkpoints AS kept \
                 (name, view_version, partition, position, event_id, store_id, owner_epoch, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp()) \
               ON CONFLICT (name, view_version, partition) DO UPDATE SET \
                 position = excluded.position, event_id = excluded.event_id, store_id = excluded.store_id, \
                 owner_epoch = excluded.owner_epoch, updated_at = excluded.updated_at \
               WHERE kept.owner_epoch <= excluded.owner_epoch AND kept.position <= excluded.position \
               RETURNING 1\
             ), written AS ({written}), deleted AS ({deleted}) SELECT count(*) FROM moved"
        )
    }

    /// Rows and deletions alone: for who holds the locks of their streams.
    pub(crate) fn write_rows(&self) -> String {
        let (written, deleted) = self.changes(0, "true");
        format!("WITH written AS ({written}) {deleted}")
    }

    /// One row, its columns bound one by one: for who holds the lock of its stream. It says the same as
    /// [`write_rows`](Self::write_rows) of one row and leaves the server less to set up.
    pub(crate) fn write_row(&self) -> String {
        let Self { table, name, key, .. } = self;
        let value = |(at, column): (usize, &Column)| match column.kind {
            ColumnKind::Decimal | ColumnKind::Json => {
                format!("${}::text::{}", at + 1, plain_type(column).unwrap_or_default())
            }
            _ => format!("${}", at + 1),
        };
        let values = table.columns.iter().enumerate().map(value).collect::<Vec<_>>().join(", ");
        let all = self.all_columns();
        format!("INSERT INTO {name} ({all}) VALUES ({values}) ON CONFLICT ({key}) DO {}", self.update())
    }

    /// What becomes of a row that is there.
    fn update(&self) -> String {
        let others = self.columns.iter().filter(|column| **column != self.key);
        let set = others.map(|column| format!("{column} = excluded.{column}")).collect::<Vec<_>>().join(", ");
        if set.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {set}") }
    }

    /// What writes rows and what deletes them; the deleted keys are bound behind so many places, and then the columns.
    fn changes(&self, places: usize, condition: &str) -> (String, String) {
        let Self { table, name, columns, key, .. } = self;
        let deleted = places + 1;
        let sent = table.columns.iter().enumerate().map(|(at, column)| match column.kind {
            // As text, and cast row by row.
            ColumnKind::Decimal | ColumnKind::Json => format!("${}::text[]", deleted + 1 + at),
            _ => format!("${}::{}[]", deleted + 1 + at, plain_type(column).unwrap_or_default()),
        });
        let taken = table.columns.iter().zip(columns).map(|(column, name)| match column.kind {
            ColumnKind::Decimal | ColumnKind::Json => format!("{name}::{}", plain_type(column).unwrap_or_default()),
            _ => name.clone(),
        });
        let (sent, taken) = (sent.collect::<Vec<_>>().join(", "), taken.collect::<Vec<_>>().join(", "));
        let (all, update) = (self.all_columns(), self.update());
        let key_type = plain_type(&table.columns[table.key]).unwrap_or_default();
        let written = format!(
            "INSERT INTO {name} ({all}) SELECT {taken} FROM unnest({sent}) AS sent ({all}) \
             WHERE {condition} ON CONFLICT ({key}) DO {update}"
        );
        let gone = format!("DELETE FROM {name} WHERE {key} = ANY(${deleted}::{key_type}[]) AND {condition}");
        (written, gone)
    }

    /// A range of a scan, and what to bind in it before the limit.
    pub(crate) fn scan<'s>(&self, scan: &'s Scan, part: ScanPart<'s>) -> (String, Vec<&'s ColumnValue>) {
        let Self { name, columns, key, .. } = self;
        let column = &columns[scan.column];
        let by_key = scan.column == self.table.key;
        let behind = if scan.descending { '<' } else { '>' };
        let (mut wheres, mut values) = (Vec::new(), Vec::new());
        let mut bind = |value| {
            values.push(value);
            format!("${}", values.len())
        };
        match part {
            ScanPart::Nothing(after) => {
                wheres.push(format!("{column} IS NULL"));
                wheres.extend(after.map(|after| format!("{key} {behind} {}", bind(after))));
            }
            ScanPart::Values(after) => {
                wheres.extend(scan.from.as_ref().map(|from| format!("{column} >= {}", bind(from))));
                wheres.extend(scan.to.as_ref().map(|to| format!("{column} <= {}", bind(to))));
                wheres.extend(after.map(|(value, after)| match by_key {
                    true => format!("{key} {behind} {}", bind(after)),
                    false => format!("({column}, {key}) {behind} ({}, {})", bind(value), bind(after)),
                }));
                if self.table.columns[scan.column].nullable {
                    wheres.push(format!("{column} IS NOT NULL"));
                }
            }
        }
        let order = match (by_key, scan.descending) {
            (true, false) => key.clone(),
            (true, true) => format!("{key} DESC"),
            (false, false) => format!("{column} NULLS FIRST, {key}"),
            (false, true) => format!("{column} DESC NULLS LAST, {key} DESC"),
        };
        let wheres = if wheres.is_empty() { String::new() } else { format!(" WHERE {}", wheres.join(" AND ")) };
        let limit = values.len() + 1;
        (format!("SELECT {} FROM {name}{wheres} ORDER BY {order} LIMIT ${limit}", self.selected()), values)
    }
}

/// How PostgreSQL keeps a column; nothing for a kind that this release does not know.
fn sql_type(column: &Column) -> Option<&'static str> {
    match column.kind {
        // Compared byte by byte, as everywhere.
        ColumnKind::Text => Some("text COLLATE \"C\""),
        _ => plain_type(column),
    }
}

fn plain_type(column: &Column) -> Option<&'static str> {
    Some(match column.kind {
        ColumnKind::Bool => "boolean",
        ColumnKind::Int => "bigint",
        ColumnKind::Float => "double precision",
        ColumnKind::Text => "text",
        ColumnKind::Uuid => "uuid",
        ColumnKind::Time => "timestamptz",
        ColumnKind::Decimal => "numeric",
        ColumnKind::Json => "jsonb",
        _ => return None,
    })
}

/// A column's name is that of a field in Rust, and no more.
fn column_identifier(name: &str) -> Option<String> {
    let mut letters = name.chars();
    let fits = letters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
        && name.len() <= 63;
    fits.then(|| format!("\"{name}\""))
}
