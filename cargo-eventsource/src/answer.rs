//! What is said on stdout: text with colours if a person reads it, one JSON object if a program does.

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::against::Comparison;
use crate::change::Change;
use crate::lock_file::LockFile;

const BOLD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const NOTE: Style = AnsiColor::Yellow.on_default();

/// An answer under way. The text is printed as it comes, JSON at the end.
#[derive(Debug)]
pub(crate) struct Answer {
    json: Option<serde_json::Map<String, Value>>,
}

impl Answer {
    pub(crate) fn new(as_json: bool) -> Self {
        Self { json: as_json.then(serde_json::Map::new) }
    }

    /// What differs, by lock. What is written is good news for who locks, and bad news for who checks.
    pub(crate) fn changes(&mut self, key: &str, shown: &str, changes: &[Change], is_written: bool) {
        if let Some(json) = &mut self.json {
            let all = json.entry(key).or_insert_with(|| json!([]));
            let new = changes.iter().map(|change| {
                let mut value = change.json();
                value["lock"] = shown.into();
                value
            });
            all.as_array_mut().into_iter().for_each(|all| all.extend(new.clone()));
            return;
        }
        if changes.is_empty() {
            return;
        }
        anstream::println!("{BOLD}{shown}{BOLD:#}");
        for change in changes {
            let style = if is_written && change.is_written() { GOOD } else { BAD };
            anstream::println!("  {style}{:<9}{style:#} {}", change.word(), change.subject());
            change.details().lines().for_each(|line| anstream::println!("            {line}"));
        }
    }

    /// What may run beside what was released.
    pub(crate) fn comparison(&mut self, revision: &str, comparison: &Comparison) {
        for (shown, changes) in &comparison.broken {
            self.changes("broken", &format!("{shown}, since {revision}"), changes, false);
        }
        if let Some(json) = &mut self.json {
            json.entry("broken").or_insert_with(|| json!([]));
            let verdicts = comparison.verdicts.iter().map(|verdict| verdict.json());
            json.insert("compatible".to_owned(), verdicts.collect());
            return;
        }
        anstream::println!("{BOLD}beside {revision}{BOLD:#}");
        for verdict in &comparison.verdicts {
            let style = match verdict.word() {
                "full" => GOOD,
                "backward" => NOTE,
                _ => BAD,
            };
            anstream::println!("  {style}{:<9}{style:#} {}", verdict.word(), verdict.event);
            verdict.advice.iter().for_each(|line| anstream::println!("            {line}"));
        }
    }

    /// Every event of a program.
    pub(crate) fn list(&mut self, file: &LockFile) {
        let events = file.after.events.iter().map(|(name, event)| {
            let report = file.newest(name);
            let versions = event.versions.iter().map(|(version, shape)| {
                let locked = file.before.events.get(name).is_some_and(|event| event.versions.contains_key(version));
                json!({ "version": version, "locked": locked, "shape": shape.shape() })
            });
            let steps = file.steps(name);
            json!({
                "lock": file.shown,
                "event": name,
                "now": report.map(|report| &report.name),
                "current": report.map(|report| report.version),
                "written": report.map(|report| report.written),
                "versions": versions.collect::<Vec<_>>(),
                "steps": steps.iter().map(|(from, kind)| json!({ "from": from, "by": kind })).collect::<Vec<_>>(),
                "readers": event.readers,
            })
        });
        if let Some(json) = &mut self.json {
            let all = json.entry("events").or_insert_with(|| json!([]));
            all.as_array_mut().into_iter().for_each(|all| all.extend(events.clone()));
            return;
        }
        anstream::println!("{BOLD}{}{BOLD:#}", file.shown);
        events.for_each(|event| print_event(&event));
    }

    /// A last line for a person.
    pub(crate) fn say(&self, line: &str) {
        if self.json.is_none() {
            anstream::println!("{line}");
        }
    }

    /// Ends the answer.
    pub(crate) fn end(self, is_well: bool) -> bool {
        if let Some(mut json) = self.json {
            json.insert("ok".to_owned(), is_well.into());
            anstream::println!("{}", Value::Object(json));
        }
        is_well
    }
}

fn print_event(event: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, now) = (text(&event["event"]), text(&event["now"]));
    let renamed = if now.is_empty() || now == name { String::new() } else { format!(", now {now}") };
    let readers: Vec<_> = event["readers"].as_array().into_iter().flatten().map(text).collect();
    let readers = if readers.is_empty() { String::new() } else { format!(", read by {}", readers.join(", ")) };
    anstream::println!("  {BOLD}{name}{BOLD:#}{renamed}{readers}");
    for version in event["versions"].as_array().into_iter().flatten() {
        let number = &version["version"];
        let mut notes = Vec::new();
        if number == &event["current"] {
            notes.push("current".to_owned());
        }
        if number == &event["written"] && event["written"] != event["current"] {
            notes.push("written".to_owned());
        }
        if version["locked"] != true {
            notes.push(format!("{NOTE}not locked{NOTE:#}"));
        }
        let steps = event["steps"].as_array().into_iter().flatten().filter(|step| &step["from"] == number);
        notes.extend(steps.map(|step| format!("becomes the next by {}", text(&step["by"]))));
        let notes = if notes.is_empty() { String::new() } else { format!(": {}", notes.join(", ")) };
        anstream::println!("    version {number}{notes}");
    }
}
