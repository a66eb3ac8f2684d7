//! How far a recording has come: a bar on a terminal, a line each 10 % elsewhere. It goes to stderr.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::money::grouped;

/// Shows how many rows are recorded.
pub(crate) enum Progress {
    Bar(ProgressBar),
    Lines { done: AtomicU64, total: u64 },
}

impl Progress {
    pub(crate) fn new(screen: &MultiProgress, total: u64) -> Self {
        if !io::stderr().is_terminal() {
            return Self::Lines { done: AtomicU64::new(0), total };
        }
        let bar = screen.add(ProgressBar::new(total));
        match ProgressStyle::with_template("recording {wide_bar} {human_pos} of {human_len} rows, {per_sec}") {
            Ok(style) => Self::Bar(bar.with_style(style)),
            Err(_) => Self::Bar(bar),
        }
    }

    /// One row more is recorded.
    pub(crate) fn advance(&self) {
        match self {
            Self::Bar(bar) => bar.inc(1),
            Self::Lines { done, total } => {
                let now = done.fetch_add(1, Ordering::Relaxed) + 1;
                let tenths = |rows: u64| rows * 10 / total;
                if tenths(now) > tenths(now - 1) {
                    let percent = tenths(now) * 10;
                    eprintln!("recorded {} of {} rows ({percent} %)", grouped(now), grouped(*total));
                }
            }
        }
    }

    pub(crate) fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
