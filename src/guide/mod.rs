//! The guide: pages to read, one after the other or where you need them. There is no code here.
//!
//! 1. [`start`]: the first aggregate, and what can be asked of it
//! 2. [`when_not`]: when *not* to use event sourcing
//! 3. [`modelling`]: good events, decisions that need the time or the world, ids, metadata
//! 4. [`commands`]: many at once, once and for all, on several aggregates, and what is kept between them
//! 5. [`evolving`]: changing what is stored already
//! 6. [`reading`]: events as they come, checkpoints
//! 7. [`views`]: tables that are folded from events
//! 8. [`consistency`]: reading what one has just written
//! 9. [`projections`]: other work on events: in the store's transactions, and outside of it
//! 10. [`processes`]: what follows from events: commands to other aggregates, timers, what to do when one says no
//! 11. [`integration`]: events for other systems, through a message broker
//! 12. [`web`]: versions, commands and questions through HTTP
//! 13. [`rebuilding`]: tables that are built anew beside those that serve
//! 14. [`testing`]: decisions without a store, snapshots, your own store
//! 15. [`operating`]: SQLite in production
//! 16. [`postgres`]: PostgreSQL in production
//! 17. [`store_authors`]: writing a store
//!
//! Every block of Rust on these pages is compiled and run by the tests.

// The pages link to what all features bring.
#![cfg_attr(
    not(all(feature = "derive", feature = "sqlite", feature = "postgres", feature = "testing")),
    allow(rustdoc::broken_intra_doc_links)
)]

#[doc = include_str!("start.md")]
pub mod start {}

#[doc = include_str!("when_not.md")]
pub mod when_not {}

#[doc = include_str!("modelling.md")]
pub mod modelling {}

#[doc = include_str!("commands.md")]
pub mod commands {}

#[doc = include_str!("evolving.md")]
pub mod evolving {}

#[doc = include_str!("reading.md")]
pub mod reading {}

#[doc = include_str!("views.md")]
pub mod views {}

#[doc = include_str!("consistency.md")]
pub mod consistency {}

#[doc = include_str!("projections.md")]
pub mod projections {}

#[doc = include_str!("processes.md")]
pub mod processes {}

#[doc = include_str!("integration.md")]
pub mod integration {}

#[doc = include_str!("rebuilding.md")]
pub mod rebuilding {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("operating.md")]
pub mod operating {}

#[doc = include_str!("postgres.md")]
pub mod postgres {}

#[doc = include_str!("store_authors.md")]
pub mod store_authors {}

#[doc = include_str!("web.md")]
pub mod web {}
