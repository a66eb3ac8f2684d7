//! The stored format has its own promise: what old releases wrote is opened by every later one.

mod contents;
mod postgres;
mod sqlite;

use std::path::{Path, PathBuf};

/// Names a file to be written in the newest format, for `tests/fixtures/format-N.db` or `.sql` of a release.
const WRITE: &str = "EVENTSOURCE_WRITE_FORMAT";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The file that is to be written, if it is one of this kind.
fn asked_for(extension: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(WRITE)?);
    (path.extension()? == extension).then_some(path)
}
