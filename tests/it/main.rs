//! Every integration test, in one binary: one module per feature, test names are sentences.

mod broken_stores;
mod compile_fail;
mod conformance;
mod derives;
mod sqlite;
mod testing_kit;
