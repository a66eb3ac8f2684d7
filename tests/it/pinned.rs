//! The compiler whose wording the tests pin.

use std::process::Command;

/// The toolchain whose wording the `.stderr` files hold.
const BLESSED: &str = "rustc 1.95.";

/// Whether this is the compiler whose wording is pinned; if not, it is said that a test was skipped.
pub(crate) fn words_are_those_pinned() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let version = String::from_utf8_lossy(&version);
    let are_pinned = version.starts_with(BLESSED);
    if !are_pinned {
        #[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
        {
            eprintln!("skipped: the wording of {BLESSED}x is pinned, and this is {version}");
        }
    }
    are_pinned
}
