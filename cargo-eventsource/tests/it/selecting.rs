//! Packages and targets, chosen as cargo chooses them.

use super::repository::{BANK, LOCK, PROFILE, Repository, manifest};

const EXAMPLE: &str = r#"
#[derive(eventsource::DomainEvent, serde::Serialize, serde::Deserialize)]
#[event(name = "example.shown", version = 1)]
struct Shown { text: String }

fn main() {}

#[cfg(test)]
mod tests {
    #[derive(eventsource::DomainEvent, serde::Serialize, serde::Deserialize)]
    #[event(name = "only.tested", version = 1)]
    struct Tested { text: String }
}
"#;

#[test]
fn a_workspace_is_understood_as_cargo_understands_it() {
    let all = Repository::new();
    all.write("Cargo.toml", &format!("[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n{PROFILE}"));
    for name in ["bank", "desk", "plain"] {
        all.write(&format!("crates/{name}/Cargo.toml"), &manifest(name));
    }
    all.write("crates/bank/src/lib.rs", BANK);
    all.write("crates/bank/examples/show-it.rs", EXAMPLE);
    all.write("crates/desk/src/main.rs", &EXAMPLE.replace("example.shown", "desk.opened"));
    all.write("crates/plain/src/lib.rs", "");
    let events = |folder: &str, arguments: &[&str]| -> Vec<String> {
        let answer = all.run_in(folder, &[&["list", "--json"], arguments].concat()).code(0);
        let json = answer.json();
        json["events"].as_array().into_iter().flatten().map(|each| each["event"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(events("", &[]), ["account.opened", "desk.opened"]);
    assert_eq!(events("crates/bank/src", &[]), ["account.opened"]);
    assert_eq!(events("crates/bank", &["--workspace"]), ["account.opened", "desk.opened"]);
    assert_eq!(events("crates/bank", &["-p", "desk"]), ["desk.opened"]);
    let manifest = all.path("crates/desk/Cargo.toml");
    assert_eq!(events(".git", &["--manifest-path", manifest.to_str().unwrap()]), ["desk.opened"]);
    assert_eq!(events("crates/plain", &[]), [""; 0]);

    // An example has a lock if it was asked for, and keeps it from then on.
    all.run(&["lock", "--workspace"]).code(0);
    assert_eq!(all.read("crates/bank/events.lock"), LOCK);
    assert!(!all.path("crates/bank/events.show_it.lock").exists());
    assert!(!all.path("crates/plain/events.lock").exists());
    all.run(&["lock", "-p", "bank", "--example", "show-it"]).code(0);
    let lock = all.read("crates/bank/events.show_it.lock");
    assert!(lock.contains("event example.shown\n") && !lock.contains("only.tested"), "{lock}");
    all.write("crates/bank/examples/show-it.rs", &EXAMPLE.replace("text: String", "text: u8"));
    let check = all.run(&["check", "--json"]).code(1);
    assert_eq!(check.told("changes"), ["example.shown 1 changed"]);
    assert_eq!(check.json()["changes"][0]["lock"], "crates/bank/events.show_it.lock");
}
