//! Every integration test, in one binary: one module per feature, test names are sentences.

mod bank;
mod broken_stores;
mod catalog;
mod compile_fail;
mod conformance;
mod copy;
mod derives;
mod format;
mod golden;
mod history;
mod kill;
mod lock;
mod postgres;
mod programs;
mod projections;
mod repository;
mod rolling;
mod schema;
mod sqlite;
mod subscriptions;
mod testing_kit;
mod tidy;
mod views;
mod views_sql;
mod wrapped;
mod writing_older;
