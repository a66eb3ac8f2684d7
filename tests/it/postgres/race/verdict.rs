//! What a reader got, compared with what the table has.

use std::collections::{HashMap, HashSet};

/// An event, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Row {
    pub(super) position: i64,
    pub(super) stream: String,
    pub(super) version: i64,
    pub(super) name: String,
}

/// How many events came wrong, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    /// In the table, and never delivered.
    pub(super) skipped: usize,
    /// Delivered again.
    pub(super) twice: usize,
    /// Delivered after a later position, or after a later version of their stream.
    pub(super) out_of_order: usize,
    /// Delivered, and not in the table.
    pub(super) unknown: usize,
}

impl Faults {
    pub(super) fn any(&self) -> bool {
        *self != Self::default()
    }
}

/// `table`: what the reader should have got, in order of position.
pub(super) fn judge(table: &[Row], got: &[Row]) -> Faults {
    let stored: HashSet<&Row> = table.iter().collect();
    let mut seen: HashSet<&Row> = HashSet::new();
    let mut versions: HashMap<&str, i64> = HashMap::new();
    let mut position = 0;
    let mut faults = Faults::default();
    for row in got {
        faults.unknown += usize::from(!stored.contains(row));
        if !seen.insert(row) {
            faults.twice += 1;
            continue;
        }
        let version = versions.entry(&row.stream).or_default();
        faults.out_of_order += usize::from(row.position <= position || row.version <= *version);
        *version = row.version.max(*version);
        position = row.position.max(position);
    }
    faults.skipped = table.iter().filter(|row| !seen.contains(row)).count();
    faults
}

#[test]
fn the_verdict_of_the_race_finds_each_fault() {
    let row = |position, version| Row { position, stream: "a-1".to_owned(), version, name: String::new() };
    let table = [row(3, 1), row(5, 2), row(6, 3)];
    let [a, b, c] = table.clone();
    let of = |got: &[&Row]| judge(&table, &got.iter().map(|&row| row.clone()).collect::<Vec<_>>());
    assert!(!of(&[&a, &b, &c]).any());
    assert_eq!(of(&[&a, &c]), Faults { skipped: 1, ..Faults::default() });
    assert_eq!(of(&[&a, &b, &a, &c]), Faults { twice: 1, ..Faults::default() });
    assert_eq!(of(&[&a, &c, &b]), Faults { out_of_order: 1, ..Faults::default() });
    assert_eq!(of(&[&a, &b, &c, &row(7, 4)]), Faults { unknown: 1, ..Faults::default() });
    // A later position with an earlier version, which the table itself may not have either.
    let inverted = [row(3, 2), row(5, 1)];
    assert_eq!(judge(&inverted, &inverted), Faults { out_of_order: 1, ..Faults::default() });
}
