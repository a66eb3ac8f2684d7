//! A scan as ranges of one index: what databases answer fast, which `OR` with nothing in it is not.

use crate::words::column::ColumnValue;
use crate::words::view_table::ViewTable;

use super::view::Scan;

/// A range of a scan; rows of several ranges follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScanPart<'s> {
    /// Rows that hold nothing in the column: those behind this key.
    Nothing(Option<&'s ColumnValue>),
    /// Rows that hold something in it, within the bounds: those behind this value and key.
    Values(Option<(&'s ColumnValue, &'s ColumnValue)>),
}

/// The ranges of a scan, in the order of their rows.
pub fn scan_parts<'s>(scan: &'s Scan, table: &ViewTable) -> Vec<ScanPart<'s>> {
    let after = scan.after.as_ref().map(|(value, key)| (value, key));
    let after_nothing = after.filter(|(value, _)| **value == ColumnValue::Null).map(|(_, key)| key);
    let after_value = after.filter(|(value, _)| **value != ColumnValue::Null);
    let bounded = scan.from.is_some() || scan.to.is_some();
    let may_hold_nothing = table.columns.get(scan.column).is_some_and(|column| column.nullable) && !bounded;
    // Rows that hold nothing come first, and last from the greatest down.
    let nothing = may_hold_nothing && (after_value.is_none() || scan.descending);
    let values = after_nothing.is_none() || !scan.descending;
    let mut parts = Vec::with_capacity(2);
    parts.extend(nothing.then_some(ScanPart::Nothing(after_nothing)));
    parts.extend(values.then_some(ScanPart::Values(after_value)));
    if scan.descending {
        parts.reverse();
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::column::Column;

    const COLUMNS: &[Column] = &[Column::of::<i64>("id"), Column::of::<Option<i64>>("size").indexed()];
    const TABLE: ViewTable = ViewTable::new("things", 1, COLUMNS, 0);

    #[test]
    fn a_scan_goes_through_what_holds_nothing_and_what_holds_something() {
        use ScanPart::{Nothing, Values};
        let (null, five, key) = (ColumnValue::Null, ColumnValue::Int(5), ColumnValue::Int(1));
        let scan = |after: Option<&ColumnValue>, descending, from: Option<&ColumnValue>| {
            let after = after.map(|value| (value.clone(), key.clone()));
            Scan { after, descending, from: from.cloned(), ..Scan::by(1) }
        };
        let behind = Some((&five, &key));
        let cases = [
            (scan(None, false, None), vec![Nothing(None), Values(None)]),
            (scan(None, true, None), vec![Values(None), Nothing(None)]),
            (scan(Some(&null), false, None), vec![Nothing(Some(&key)), Values(None)]),
            (scan(Some(&null), true, None), vec![Nothing(Some(&key))]),
            (scan(Some(&five), false, None), vec![Values(behind)]),
            (scan(Some(&five), true, None), vec![Values(behind), Nothing(None)]),
            (scan(None, false, Some(&five)), vec![Values(None)]),
            (scan(Some(&null), false, Some(&five)), vec![Values(None)]),
            (scan(Some(&null), true, Some(&five)), vec![]),
            (scan(Some(&five), true, Some(&five)), vec![Values(behind)]),
        ];
        for (scan, parts) in cases {
            assert_eq!(scan_parts(&scan, &TABLE), parts, "{scan:?}");
        }
        assert_eq!(scan_parts(&Scan::by(0), &TABLE), [Values(None)]);
    }
}
