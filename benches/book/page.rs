//! Figures as people read them: a line for each on the terminal, and a page in Markdown.

use std::fmt::Write;

use super::measured::{Measured, Summary};
use super::scenario::Bound;
use super::system::Facts;

/// How a table of figures begins.
pub const HEAD: &str =
    "| scenario | ours | beside it | unit | ratio | bound | | held against |\n|---|--:|--:|---|--:|--:|---|---|";

const OPENING: &str = "# Performance

Written by the benchmarks, whole: no figure here is typed by hand. To repeat it, on a machine that does nothing else:

```sh
cargo bench --bench report -- --markdown docs/performance.md
```

";

const COLUMNS: &str = "
Compare ratios, not figures of different machines. Client and server share the machine.

- **scenario** is `store/work@tasks`: so many tasks at once, one where none are named. `cargo bench --bench report -- postgres/warm`
  measures those whose name has that part.
- **ours** and **beside it** are medians of rounds in which both take turns, with the least and the greatest round.
  What was stored is counted behind each scenario: no acknowledged write is missing.
- **ratio** is ours divided by what stands beside it, **bound** what it must be. *missed* means that it is not.
- **held against** says what stands beside it: the least work that could be correct, by hand, with the same durability and payloads.
- **latencies** are of single operations in all rounds, from call to answer, while as many tasks work as the scenario has.
- **bytes** are what the process allocates for one operation, all tasks and threads together, counted in a run of its own.

A *command* decides on a state and stores an event of about 100 bytes of JSON. It is *cold* where it loads its events first (`command`), *warm*
where the process knows the state; *hot* is warm with all tasks on one aggregate. `append` gives the store events, without a state.
";

/// Short for what is small, with commas for what is large.
fn show(figure: f64) -> String {
    match figure.abs() {
        size if size < 10.0 => format!("{figure:.2}"),
        size if size < 100.0 => format!("{figure:.1}"),
        _ => {
            let digits = format!("{figure:.0}");
            let mut shown = String::new();
            for (n, digit) in digits.chars().enumerate() {
                if n > 0 && (digits.len() - n).is_multiple_of(3) {
                    shown.push(',');
                }
                shown.push(digit);
            }
            shown
        }
    }
}

fn spread(side: &Summary) -> String {
    if side.least == side.greatest {
        return show(side.median);
    }
    format!("{} ({}–{})", show(side.median), show(side.least), show(side.greatest))
}

/// A line of the table of figures.
pub fn row(measured: &Measured) -> String {
    let Measured { name, unit, ours, raw, others, ratio, bound, beside, .. } = measured;
    let (bound, verdict) = match bound {
        Bound::AtLeast(bound) => {
            (format!("≥ {}x", show(*bound)), if measured.is_missed() { "**missed**" } else { "held" })
        }
        Bound::AtMost(bound) => {
            (format!("≤ {}x", show(*bound)), if measured.is_missed() { "**missed**" } else { "held" })
        }
        Bound::Unsaid => (String::new(), ""),
    };
    let (ours, raw, ratio) = (spread(ours), spread(raw), show(*ratio));
    let others: String = others.iter().map(|(name, side)| format!("; {name}: {}", spread(side))).collect();
    format!("| {name} | {ours} | {raw} | {unit} | {ratio}x | {bound} | {verdict} | {beside}{others} |")
}

/// Microseconds of p50, p99 and p99.9.
fn latencies(side: &Summary) -> String {
    side.latency.map_or_else(String::new, |latency| latency.map(|millis| show(millis * 1e3)).join(" / "))
}

fn bytes(side: &Summary) -> String {
    side.bytes_each.map_or_else(String::new, show)
}

/// What one operation takes, if that was looked at.
pub fn detail(measured: &Measured) -> Option<String> {
    let Measured { name, ours, raw, .. } = measured;
    if ours.latency.is_none() && ours.bytes_each.is_none() {
        return None;
    }
    let (of_ours, of_raw) = (latencies(ours), latencies(raw));
    Some(format!("| {name} | {of_ours} | {of_raw} | {} | {} |", bytes(ours), bytes(raw)))
}

/// The whole page.
pub fn markdown(facts: &Facts, all: &[Measured]) -> String {
    let mut page = OPENING.to_owned();
    page += "| | |\n|---|---|\n";
    for (name, fact) in facts {
        let _ = writeln!(page, "| {name} | {fact} |");
    }
    page += COLUMNS;
    let missed: Vec<String> =
        all.iter().filter(|measured| measured.is_missed()).map(|measured| format!("`{}`", measured.name)).collect();
    let bounds = all.iter().filter(|measured| measured.has_bound()).count();
    let _ = write!(page, "\n{} scenarios, {bounds} of them with a bound; ", all.len());
    let _ = match &missed[..] {
        [] => writeln!(page, "all bounds are held."),
        missed => writeln!(page, "{} missed: {}.", missed.len(), missed.join(", ")),
    };
    let mut stores: Vec<&str> = all.iter().map(Measured::store).collect();
    stores.dedup();
    for store in stores {
        let of_store = || all.iter().filter(|measured| measured.store() == store);
        let _ = writeln!(page, "\n## {store}\n\n{HEAD}");
        of_store().for_each(|measured| page += &(row(measured) + "\n"));
        let details: Vec<String> = of_store().filter_map(detail).collect();
        if !details.is_empty() {
            page += "\n| one operation | ours: p50 / p99 / p99.9 µs | beside it | ours: bytes | beside it |\n|---|--:|--:|--:|--:|\n";
            page += &(details.join("\n") + "\n");
        }
    }
    page
}
