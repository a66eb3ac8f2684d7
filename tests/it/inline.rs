//! Views that are kept inline: as new as the events, whoever appends and whatever fails; on each store.

mod book;
mod broken;
mod fresh;
mod gaps;
mod killed;
mod race;
mod start;
mod things;
mod together;
