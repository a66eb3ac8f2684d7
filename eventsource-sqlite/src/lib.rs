//! The embedded store of eventsource, on SQLite.
