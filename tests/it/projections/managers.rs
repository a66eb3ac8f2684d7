//! Process managers: what follows from events happens once, whoever dies or hangs when.

mod bells;
mod crashed;
mod example;
mod fenced;
mod inputs;
mod killed;
mod kit;
mod orders;
mod stuck;
mod things;
mod timers;
#[path = "../../../examples/transfer.rs"]
#[allow(dead_code, reason = "the example's own program, of which tests use a part")]
mod transfer;
