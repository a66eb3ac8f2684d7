//! The statements on a view's table. Names come from the table alone, checked and quoted; everything else is bound.

use eventsource_core::backend::ScanPart;
use eventsource_core::{Column, ColumnKind, ColumnValue, Scan, StoreError, ViewTable};

/// A view's table with its names as identifiers.
pub(crate) struct ViewSql<'t> {
    table: &'t ViewTable,
    name: String,
    stable_name: String,
    columns: Vec<String>,
    key: String,
}

/// The greatest name of a view.
const NAME_BYTES: usize = 40;
/// As many columns as leave room for 256 rows in a statement of SQLite.
const COLUMNS: usize = 120;

impl<'t> ViewSql<'t> {
    pub(crate) fn new(table: &'t ViewTable) -> Result<Self, StoreError> {
        let invalid = |message: String| StoreError::invalid(format!("view {table}: {message}"));
        let rule = "lower-case letters, digits and `_`, and no digit first";
        let fits = table.name.len() <= NAME_BYTES && !table.name.starts_with("sqlite_");
        let stable_name = identifier(table.name).filter(|_| fits).ok_or_else(|| {
            invalid(format!(
                "its name is not allowed; it is {rule}, {NAME_BYTES} bytes at most, and does not begin with `sqlite_`"
            ))
        })?;
        let name = identifier(&table.table_name()).ok_or_else(|| invalid("its table has no name".to_owned()))?;
        let columns = table.columns.iter().map(|column| {
            let not_allowed =
                || invalid(format!("column {:?} is not allowed; it is letters, digits and `_`", column.name));
            let no_kind = || invalid(format!("no {:?} is kept, which column {} holds", column.kind, column.name));
            sql_type(column).ok_or_else(no_kind)?;
            column_identifier(column.name).ok_or_else(not_allowed)
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        if columns.len() > COLUMNS {
            return Err(invalid(format!("{} columns are too many; {COLUMNS} are the most", columns.len())));
        }
        let key = columns.get(table.key).cloned().ok_or_else(|| invalid("it has no key".to_owned()))?;
        Ok(Self { table, name, stable_name, columns, key })
    }

    fn all_columns(&self) -> String {
        self.columns.join(", ")
    }

    /// The table, and an index for each column that has one. The key is the table's order, so an index ends in it.
    pub(crate) fn create(&self) -> String {
        let Self { table, name, columns, key, .. } = self;
        let column = |(column, name): (&Column, &String)| {
            let null = if column.nullable { "" } else { " NOT NULL" };
            format!("{name} {}{null}", sql_type(column).unwrap_or_default())
        };
        let listed = table.columns.iter().zip(columns).map(column).collect::<Vec<_>>().join(", ");
        let mut text = format!("CREATE TABLE {name} ({listed}, PRIMARY KEY ({key})) STRICT, WITHOUT ROWID;\n");
        for (at, column) in table.columns.iter().enumerate() {
            if column.indexed && at != table.key {
                let index = format!("\"{}_{}\"", table.table_name(), column.name);
                text += &format!("CREATE INDEX {index} ON {name} ({}, {key});\n", columns[at]);
            }
        }
        text
    }

    /// Shows the table under the stable name, in the place of what is there.
    pub(crate) fn show(&self) -> String {
        let Self { name, stable_name, .. } = self;
        let all = self.all_columns();
        format!("DROP VIEW IF EXISTS {stable_name}; CREATE VIEW {stable_name} AS SELECT {all} FROM {name}")
    }

    /// Takes the keys as JSON.
    pub(crate) fn rows(&self) -> String {
        let Self { name, key, .. } = self;
        format!("SELECT {} FROM {name} WHERE {key} IN (SELECT value FROM json_each(?1))", self.all_columns())
    }

    /// Takes the keys as JSON.
    pub(crate) fn delete(&self) -> String {
        let Self { name, key, .. } = self;
        format!("DELETE FROM {name} WHERE {key} IN (SELECT value FROM json_each(?1))")
    }

    /// Writes so many rows. A failure ends the transaction, as it would anyway; see `insert.rs`.
    pub(crate) fn write(&self, rows: usize) -> String {
        let Self { name, columns, key, .. } = self;
        let values = format!("({})", vec!["?"; columns.len()].join(","));
        let values = vec![values; rows].join(",");
        let set = columns.iter().filter(|column| *column != key).map(|column| format!("{column} = excluded.{column}"));
        let set = set.collect::<Vec<_>>().join(", ");
        let update = if set.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {set}") };
        format!(
            "INSERT OR ROLLBACK INTO {name} ({}) VALUES {values} ON CONFLICT ({key}) DO {update}",
            self.all_columns()
        )
    }

    /// A range of a scan, and what to bind in it before the limit. SQLite's order of nothing is ours: first.
    pub(crate) fn scan<'s>(&self, scan: &'s Scan, part: ScanPart<'s>) -> (String, Vec<&'s ColumnValue>) {
        let Self { name, columns, key, .. } = self;
        let column = &columns[scan.column];
        let by_key = scan.column == self.table.key;
        let behind = if scan.descending { '<' } else { '>' };
        let (mut wheres, mut values) = (Vec::new(), Vec::new());
        let mut bind = |value| {
            values.push(value);
            format!("?{}", values.len())
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
        let wheres = if wheres.is_empty() { String::new() } else { format!(" WHERE {}", wheres.join(" AND ")) };
        let direction = if scan.descending { " DESC" } else { "" };
        let order = match by_key {
            true => format!("{key}{direction}"),
            false => format!("{column}{direction}, {key}{direction}"),
        };
        let limit = values.len() + 1;
        (format!("SELECT {} FROM {name}{wheres} ORDER BY {order} LIMIT ?{limit}", self.all_columns()), values)
    }
}

/// How SQLite keeps a column; nothing for a kind that this release does not know. UUIDs and times are text because
/// people read it: as in payloads, in the ids of streams, and in `event_log`; both are in order as text too.
fn sql_type(column: &Column) -> Option<&'static str> {
    Some(match column.kind {
        ColumnKind::Bool | ColumnKind::Int => "INTEGER",
        ColumnKind::Float => "REAL",
        ColumnKind::Text | ColumnKind::Uuid | ColumnKind::Time | ColumnKind::Decimal | ColumnKind::Json => "TEXT",
        _ => return None,
    })
}

/// The only way of a name into a statement.
pub(crate) fn identifier(name: &str) -> Option<String> {
    let mut bytes = name.bytes();
    let fits = bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && name.len() <= 63;
    fits.then(|| format!("\"{name}\""))
}

/// A column's name is that of a field in Rust, and no more.
fn column_identifier(name: &str) -> Option<String> {
    let mut letters = name.chars();
    let fits = letters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
        && name.len() <= 63;
    fits.then(|| format!("\"{name}\""))
}

#[cfg(test)]
mod tests {
    use eventsource_core::backend::scan_parts;
    use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection, query};

    use super::*;

    const COLUMNS: &[Column] = &[
        Column::of::<String>("id"),
        Column::of::<Option<String>>("name").indexed(),
        Column::of::<i64>("size").indexed(),
        Column::of::<i64>("rest"),
    ];
    const TABLE: ViewTable = ViewTable::new("things", 1, COLUMNS, 0);

    #[tokio::test]
    async fn every_range_of_a_scan_is_read_from_an_index() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let sql = ViewSql::new(&TABLE).unwrap();
        query(AssertSqlSafe(sql.create())).execute(&mut connection).await.unwrap();
        let value = |column| match column {
            2 => ColumnValue::Int(5),
            _ => ColumnValue::Text("x".to_owned()),
        };
        let mut looked_at = 0;
        for column in 0..3 {
            let befores = [None, Some(ColumnValue::Null), Some(value(column))];
            for (before, bounded, descending) in befores.iter().flat_map(|before| {
                [(false, false), (false, true), (true, false), (true, true)].map(|(a, b)| (before, a, b))
            }) {
                let mut scan = Scan::by(column);
                scan.after = before.clone().map(|before| (before, value(0)));
                scan.from = bounded.then(|| value(column));
                scan.descending = descending;
                for part in scan_parts(&scan, &TABLE) {
                    let (text, values) = sql.scan(&scan, part);
                    let explain = query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}")));
                    let explain = values.into_iter().fold(explain, crate::view_rows::bind).bind(10_i64);
                    let plan = explain.fetch_all(&mut connection).await.unwrap();
                    let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
                    let plan = plan.join("; ");
                    assert!(plan.contains("INDEX") || plan.contains("PRIMARY KEY") || column == 0, "{text}: {plan}");
                    assert!(!plan.contains("TEMP B-TREE"), "{text}: {plan}");
                    looked_at += 1;
                }
            }
        }
        assert!(looked_at > 30);
    }
}
