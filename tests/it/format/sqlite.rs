//! Files of SQLite.

use std::path::Path;

use eventsource::EventStore;
use eventsource::sqlite::{SqliteOptions, SqliteStore};
use sqlx::query;

use super::contents::{self, DELETE};
use super::{asked_for, fixture};

async fn write(path: &Path) {
    let store = SqliteStore::open_with(path, SqliteOptions::default().clock(contents::noon())).await.unwrap();
    contents::write(&store).await;
    let delete =
        async |connection: &mut sqlx::SqliteConnection| Ok(query(DELETE).execute(connection).await?.rows_affected());
    store.maintenance("anna", "case 17", delete).await.unwrap();
    store.close().await.unwrap();
}

async fn assert_holds_everything(path: &Path) {
    let store = SqliteStore::open(path).await.unwrap();
    contents::assert_holds_everything(&store).await;
    assert!(store.verify().await.unwrap().is_sound());
}

/// Not a test by itself: writes the file that a release commits.
#[tokio::test]
async fn a_release_writes_its_file_when_asked() {
    if let Some(path) = asked_for("db") {
        write(&path).await;
    }
}

#[tokio::test]
async fn a_file_of_format_1_is_opened_read_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    std::fs::copy(fixture("format-1.db"), &copy).unwrap();
    assert_holds_everything(&copy).await;
}

#[tokio::test]
async fn a_file_of_this_release_holds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    write(&path).await;
    assert_holds_everything(&path).await;
}
