//! The machine: what it is, where databases lie, and how much memory this process takes.

use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::time::Instant;

const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target");

/// Where databases are put, if the environment says so.
pub fn folder_of_databases() -> Option<String> {
    std::env::var("EVENTSOURCE_BENCH_DIR").ok()
}

/// A folder on the same disk as the build, or in `EVENTSOURCE_BENCH_DIR`; gone when dropped.
pub fn folder() -> tempfile::TempDir {
    let parent = folder_of_databases().unwrap_or_else(|| TARGET.to_owned());
    tempfile::Builder::new().prefix("bench-").tempdir_in(parent).expect("a folder for the databases")
}

/// A file that the book writes.
pub fn in_target(name: &str) -> std::io::Result<String> {
    std::fs::create_dir_all(TARGET)?;
    Ok(format!("{TARGET}/{name}"))
}

/// Makes the system count the greatest memory anew; false where it cannot.
pub fn forget_peak_memory() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// The greatest memory of this process in MB, where the system tells.
pub fn peak_memory() -> Option<f64> {
    Some(kilobytes("/proc/self/status", "VmHWM:")? / 1024.0)
}

/// Names and values of what figures depend on.
pub type Facts = Vec<(&'static str, String)>;

pub fn facts() -> Facts {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let gigabytes = kilobytes("/proc/meminfo", "MemTotal:").map(|kilobytes| format!("{:.0} GB", kilobytes / 1048576.0));
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok();
    // Behind the number stands who has built it.
    let kernel = release.and_then(|release| Some(release.split(['-', '\n']).next()?.to_owned()));
    vec![
        ("commit", commit()),
        ("date", chrono::Utc::now().format("%F").to_string()),
        ("processor", line("/proc/cpuinfo", "model name").unwrap_or_else(unknown)),
        ("cores", cores.to_string()),
        ("memory", gigabytes.unwrap_or_else(unknown)),
        ("system", format!("{} {}", std::env::consts::OS, kernel.as_deref().map_or("", str::trim))),
        ("compiler", said_by("rustc", &["--version"]).unwrap_or_else(unknown)),
        ("flush of 8 KB to the disk", format!("{:.0} µs, median of {FLUSHES}", micros_of_a_flush())),
    ]
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn commit() -> String {
    let Some(commit) = said_by("git", &["rev-parse", "--short=12", "HEAD"]) else { return unknown() };
    // What the book itself writes is no change of the program.
    let changed = said_by("git", &["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"]);
    if changed.is_some_and(|changed| !changed.is_empty()) { commit + ", with changes" } else { commit }
}

fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What stands behind the colon of the first line that begins so.
fn line(file: &str, start: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(start))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kilobytes(file: &str, start: &str) -> Option<f64> {
    line(file, start)?.trim_end_matches(" kB").parse().ok()
}

const FLUSHES: usize = 200;

fn micros_of_a_flush() -> f64 {
    let folder = folder();
    let mut file = File::create(folder.path().join("flushed")).expect("a file");
    let mut micros: Vec<f64> = (0..FLUSHES)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[7; 8192]).and_then(|()| file.sync_data()).expect("flushes");
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    micros.sort_by(f64::total_cmp);
    micros[FLUSHES / 2]
}
