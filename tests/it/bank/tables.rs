//! The tables of the views, read as everybody reads them: with SQL, by their stable names.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection, query};

use super::expected::Sums;

/// The first column of each row; `store` is what `--store` says.
pub(super) async fn select(store: &str, sql: &str) -> Result<Vec<String>, sqlx::Error> {
    let sql = AssertSqlSafe(sql.to_owned());
    Ok(if store.starts_with("sqlite:") {
        let rows = query(sql).fetch_all(&mut SqliteConnection::connect(store).await?).await?;
        rows.iter().map(|row| row.get(0)).collect()
    } else {
        let mut shell = PgConnection::connect(store).await?;
        query("SET search_path = eventsource").execute(&mut shell).await?;
        query(sql).fetch_all(&mut shell).await?.iter().map(|row| row.get(0)).collect()
    })
}

/// Fails unless every row of every view is what the ledger says.
pub(super) async fn assert_exact(store: &str, sums: &Sums) {
    let holds = async |sql: &str, expected: BTreeSet<String>| {
        let found = select(store, sql).await.unwrap();
        assert_eq!(found.len(), expected.len(), "{sql}");
        assert!(found.into_iter().collect::<BTreeSet<_>>() == expected, "{sql}");
    };
    let balances = sums.balances.iter().map(|(account, balance)| format!("{account}|{balance}")).collect();
    holds("SELECT concat_ws('|', account, balance) FROM balances", balances).await;
    let owners = "SELECT DISTINCT owner FROM balances";
    holds(owners, sums.owners()).await;

    let mut transactions = BTreeMap::<String, Vec<i64>>::new();
    let in_order = "SELECT concat_ws('|', account, amount) FROM transactions ORDER BY position";
    for line in select(store, in_order).await.unwrap() {
        let (account, amount) = line.split_once('|').unwrap();
        transactions.entry(account.to_owned()).or_default().push(amount.parse().unwrap());
    }
    assert!(transactions == sums.transactions, "transactions");

    let day = |(day, (deposits, withdrawals)): (&String, &(i64, i64))| {
        format!("{day}|{deposits}|{withdrawals}|{}", deposits - withdrawals)
    };
    let days = sums.days.iter().map(day).collect();
    holds("SELECT concat_ws('|', day, deposits, withdrawals, net) FROM daily_summary", days).await;

    let months = sums.months.iter().map(|(month, (fees, total))| format!("{month}|{fees}|{total}")).collect();
    holds("SELECT concat_ws('|', month, fees, total) FROM fees_by_month", months).await;
}
