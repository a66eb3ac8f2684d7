//! What the compiler says to somebody who made a mistake: one mistake a file in `tests/ui`.

use std::process::Command;

/// The toolchain whose wording the `.stderr` files hold.
const BLESSED: &str = "rustc 1.95.";

#[test]
fn every_mistake_is_one_error_on_the_users_token() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let version = String::from_utf8_lossy(&version);
    if !version.starts_with(BLESSED) {
        #[expect(clippy::print_stderr, reason = "a test that did not run must say so")]
        {
            eprintln!("skipped: tests/ui holds the wording of {BLESSED}x, and this is {version}");
        }
        return;
    }
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/*.rs");
}
