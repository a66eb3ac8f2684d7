//! The example `transfer`, as its users run it.

use std::process::{Command, Stdio};

use crate::programs::program;

#[test]
fn the_example_tells_what_became_of_each_transfer_and_returns_the_money_that_nobody_wants() {
    let output = Command::new(program("transfer")).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let of = |slip: &str| -> Vec<String> {
        let lines = said.lines().filter_map(|line| line.strip_prefix(slip));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(of("transfer-1"), ["transfer.requested", "transfer.taken", "transfer.arrived"]);
    let bounced = "transfer.bounced the account is not open";
    assert_eq!(of("transfer-2"), ["transfer.requested", "transfer.taken", bounced, "transfer.returned"]);
    let refused = of("transfer-3").join(", ");
    assert!(refused.starts_with("transfer.requested, transfer.refused ") && refused.ends_with(" cents are missing"));
    assert_eq!(
        (of("alice"), of("bob"), of("carol")),
        (vec!["7000 cents".into()], vec!["3000 cents".into()], vec!["0 cents".into()])
    );
}
