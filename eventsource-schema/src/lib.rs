//! The stored shapes of events, and the text of `events.lock`: model, parser and diff.
//!
//! A shape is a tree of constants ([`Shape`]) on the side of the program, and a text on the side of the lock. One
//! `const fn` writes the text, one reads it, one compares two of them; the compiler runs the same functions as the
//! command line does. This crate depends on nothing, because the derive, the runtime and the command line share it.
//!
//! # The text of a shape
//!
//! | text | stored JSON |
//! |---|---|
//! | `bool`, `i64`, `u8`, `f64`, `string`, `char`, `null`, `json` | what the word says; `json` is anything |
//! | `string(uuid)` | a text of some form |
//! | `T?` | `T` or `null` |
//! | `[T]`, `[T; 3]`, `(T, U)` | an array: any length, three, two different ones |
//! | `map<string, T>` | an object whose keys are not known |
//! | `{ cents: i64, note?: string? }` | an object; `?:` may be absent; `strict { .. }` has no other fields |
//! | `{ a: i64, ..map<string, json> }` | an object with something flattened into it |
//! | `enum { A, B: i64 }` | `"A"` or `{"B": 1}` |
//! | `enum(tag "t") { .. }`, `enum(tag "t", content "c") { .. }`, `enum(untagged) { i64, string }` | the other ways of serde |
//! | `^Node` | the enclosing shape that is called so |

mod cursor;
mod diff;
mod faithful;
mod golden;
mod lock;
mod merge;
mod out;
mod parse;
mod render;
mod report;
mod sample;
mod shape;
#[cfg(test)]
mod tests;

pub use diff::{Diff, diff, reads};
pub use faithful::fault;
pub use golden::{Golden, Replayed};
pub use lock::{Lock, LockedEvent, LockedField, LockedVersion};
pub use merge::Merged;
pub use out::{Out, same};
pub use parse::{LockError, check_shape};
pub use render::{fingerprint, fingerprint_of_text, text, text_len, write, write_name};
pub use report::{EventReport, ReaderReport, Report, Step, StepKind};
pub use sample::samples;
pub use shape::{Field, Shape, Struct, Tagging, Variant};
