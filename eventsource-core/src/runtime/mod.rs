//! Floor 4: the async loops over a store.

pub(crate) mod catalog;
mod command;
mod command_meter;
pub(crate) mod comparing;
pub(crate) mod copy;
pub(crate) mod events;
pub(crate) mod execute;
pub(crate) mod fold;
pub(crate) mod history;
pub(crate) mod inline;
pub(crate) mod lanes;
pub(crate) mod live_view;
mod newest;
pub(crate) mod options;
pub(crate) mod projections;
pub(crate) mod relay;
pub(crate) mod repository;
pub(crate) mod retry;
pub(crate) mod snapshot_check;
pub(crate) mod subscription;
pub(crate) mod together;
pub(crate) mod view_reader;
pub(crate) mod waiting;
