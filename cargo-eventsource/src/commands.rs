//! The commands, each from its question to its answer: whether all is well.

use std::fs::File;
use std::time::SystemTime;

use crate::against::{self, at};
use crate::answer::Answer;
use crate::arguments::{Check, List, Lock, Selection};
use crate::change::{Change, Kind};
use crate::failure::Failure;
use crate::git::Revision;
use crate::lock_file::{self, LockFile};
use crate::program;
use crate::workspace::Workspace;

/// Adds what is not locked.
pub(crate) fn lock(arguments: &Lock) -> Result<bool, Failure> {
    let workspace = Workspace::find(&arguments.selection)?;
    let mut files = files(&workspace, &arguments.selection, &arguments.example)?;
    if !arguments.amend.is_empty() {
        amend(&mut files, arguments)?;
    }
    if files.iter().any(LockFile::is_news) {
        files.iter_mut().filter(|file| file.is_news()).try_for_each(LockFile::write)?;
        // Payloads come from what is locked, so the program is asked again. Nothing is compiled for that.
        let mut said = program::ask(&workspace, &arguments.selection, &arguments.example)?;
        for file in &mut files {
            file.changes.retain(|change| !change.is_of_golden());
            file.compare_with_golden(said.remove(&file.path).unwrap_or_default().golden);
        }
    }
    let mut answer = Answer::new(arguments.selection.json);
    for file in &files {
        file.record()?;
        answer.changes("changes", &file.shown, &file.changes, true);
        if !file.exists {
            wake(&workspace, file);
            answer.say(&format!("{} is new: commit it, and write eventsource::schema_lock!(); at the root of the crate, so that it cannot get lost", file.shown));
        }
    }
    let left: Vec<_> = files.iter().flat_map(|file| &file.changes).filter(|change| !change.is_written()).collect();
    let is_well = left.is_empty();
    if left.iter().any(|change| change.is_of_shape()) {
        answer.say("what is locked stays as it is: raise the version, or if it was never stored: cargo eventsource lock --amend EVENT");
    }
    if left.iter().any(|change| matches!(change.kind, Kind::Wrong(_))) {
        answer.say("what is recorded stays as it is: repair what reads it");
    }
    if files.iter().all(|file| file.changes.is_empty()) {
        answer.say(nothing_to_say(&files));
    }
    Ok(answer.end(is_well))
}

/// Locks current versions anew, all of them or none.
fn amend(files: &mut [LockFile], arguments: &Lock) -> Result<(), Failure> {
    for name in &arguments.amend {
        let mut amended = false;
        for file in files.iter_mut() {
            let Some(report) = file.events.iter().find(|event| event.name == *name) else { continue };
            let (version, folder) = (report.version, file.path.parent().unwrap_or(&file.path));
            let revision = Revision::find(folder, &arguments.base)?;
            let path = revision.path(&file.path).filter(|_| file.exists);
            let recorded = path.as_ref().map(|path| revision.golden(path)).transpose()?.unwrap_or_default();
            if let Some(path) = path.filter(|path| revision.locks().is_ok_and(|locks| locks.contains(path))) {
                let base = at(&revision, &path)?;
                if base.events.get(name).is_some_and(|event| event.versions.contains_key(&version)) {
                    return Err(Failure::Refused(format!(
                        "version {version} of `{name}` is locked in `{}`, so it may be stored: set `version = {}` and say how \
                         version {version} becomes it",
                        arguments.base,
                        version + 1
                    )));
                }
            }
            if let Some((version, text)) = file.amend(name, &recorded) {
                file.changes.push(Change::of_version(name, version, Kind::Amended(text)));
                amended = true;
            }
        }
        if !amended {
            return Err(Failure::Input(format!("no struct of the chosen packages is stored as `{name}`")));
        }
    }
    Ok(())
}

/// Compares, and writes nothing.
pub(crate) fn check(arguments: &Check) -> Result<bool, Failure> {
    let workspace = Workspace::find(&arguments.selection)?;
    // Before anything is compiled or said: a revision that cannot be read is no answer.
    let revision = arguments.against.as_deref().map(|name| Revision::find(&workspace.root, name)).transpose()?;
    let files = files(&workspace, &arguments.selection, &[])?;
    let comparison = match &revision {
        Some(revision) => Some((&revision.name, against::compare(&files, revision)?)),
        None => None,
    };
    let mut answer = Answer::new(arguments.selection.json);
    for file in &files {
        answer.changes("changes", &file.shown, &file.changes, false);
    }
    let mut is_well = files.iter().all(|file| file.changes.is_empty());
    if !is_well && files.iter().flat_map(|file| &file.changes).any(Change::is_written) {
        answer.say("to lock what is not locked, and record what is not recorded: cargo eventsource lock");
    }
    if let Some((name, comparison)) = &comparison {
        is_well &= comparison.broken.is_empty();
        answer.comparison(name, comparison);
        if !comparison.broken.is_empty() {
            answer
                .say(&format!("what `{name}` has locked may be stored: restore it, or merge `{name}` if it is ahead"));
        }
    }
    if is_well {
        answer.say(nothing_to_say(&files));
    }
    Ok(answer.end(is_well))
}

/// Shows every event.
pub(crate) fn list(arguments: &List) -> Result<bool, Failure> {
    let workspace = Workspace::find(&arguments.selection)?;
    let files = files(&workspace, &arguments.selection, &[])?;
    let mut answer = Answer::new(arguments.selection.json);
    files.iter().for_each(|file| answer.list(file));
    if files.is_empty() {
        answer.say(nothing_to_say(&files));
    }
    Ok(answer.end(true))
}

/// The locks of the chosen packages beside what their programs say.
fn files(workspace: &Workspace, selection: &Selection, examples: &[String]) -> Result<Vec<LockFile>, Failure> {
    lock_file::read_all(workspace)?;
    let reports = program::ask(workspace, selection, examples)?;
    let mut files = lock_file::find(workspace, reports)?;
    files.retain(|file| !file.is_empty());
    Ok(files)
}

fn nothing_to_say(files: &[LockFile]) -> &'static str {
    if files.is_empty() { "the chosen packages store no events" } else { "everything that is stored is locked" }
}

/// Makes cargo compile again what it compiled without this lock: it cannot be told of a file that was not there.
fn wake(workspace: &Workspace, file: &LockFile) {
    let packages = workspace.packages.iter().filter(|package| Some(package.folder()) == file.path.parent());
    for target in packages.flat_map(|package| &package.targets) {
        // Whoever cannot write to a source has not compiled it either, or will be told by `schema_lock!()`.
        let source = File::options().append(true).open(&target.src_path);
        let _ = source.and_then(|source| source.set_modified(SystemTime::now()));
    }
}
