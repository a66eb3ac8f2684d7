//! What the compiler says to somebody who made a mistake: one mistake a file.

#[path = "../../it/pinned.rs"]
mod pinned;

#[test]
fn every_mistake_is_one_error_on_the_users_token() {
    if !pinned::words_are_those_pinned() {
        return;
    }
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    cases.compile_fail("*.rs");
}
