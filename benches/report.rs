//! The numbers people ask for, each beside its raw counterpart in the same run: `cargo bench --bench report`.
//!
//! CONTRIBUTING says how to run it, `book` what is in it.

mod book;

const NO_BYTES_ARE_COUNTED: Option<fn() -> u64> = None;

fn main() -> std::process::ExitCode {
    book::main(NO_BYTES_ARE_COUNTED)
}
