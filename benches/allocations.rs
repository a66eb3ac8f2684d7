//! The same book, which counts bytes in place of time. `report` starts it by itself.

mod book;

/// Costs time in every allocation: therefore a program of its own.
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

fn main() -> std::process::ExitCode {
    let _profiler = dhat::Profiler::builder().testing().build();
    book::main(Some(|| dhat::HeapStats::get().total_bytes))
}
