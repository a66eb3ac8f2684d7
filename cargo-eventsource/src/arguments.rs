//! What may be asked for on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXIT_CODES: &str = "\
Exit codes:
  0  all is well
  1  what is stored and what is locked do not fit; the output says where
  2  the question cannot be answered: a wrong argument, a lock that cannot be read, a revision that git does not know
  3  cargo failed, such as on a package that does not compile; its output is shown";

/// Keeps events.lock: what is stored of each event, in each version.
#[derive(Debug, Parser)]
#[command(name = "cargo-eventsource", bin_name = "cargo eventsource", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add what is not locked yet, and record payloads of it; change nothing that is there
    #[command(after_help = EXIT_CODES)]
    Lock(Lock),
    /// Fail if anything is stored that is not locked, or not as it is locked or recorded; writes nothing
    #[command(after_help = EXIT_CODES)]
    Check(Check),
    /// Show every event: its versions, its steps, its readers
    #[command(after_help = EXIT_CODES)]
    List(List),
}

#[derive(Debug, Args)]
pub(crate) struct Lock {
    /// Lock the current version of this event anew, which the base must not have
    #[arg(long, value_name = "EVENT")]
    pub(crate) amend: Vec<String>,
    /// What is released: what git has there cannot be amended
    #[arg(long, value_name = "REV", default_value = BASE)]
    pub(crate) base: String,
    /// Begin a lock for the events of this example, which has none by itself
    #[arg(long, value_name = "NAME")]
    pub(crate) example: Vec<String>,
    #[command(flatten)]
    pub(crate) selection: Selection,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Fail also if anything locked or recorded there has changed or vanished; say what may be deployed beside it
    #[arg(long, value_name = "REV", num_args = 0..=1, default_missing_value = BASE)]
    pub(crate) against: Option<String>,
    #[command(flatten)]
    pub(crate) selection: Selection,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) selection: Selection,
}

const BASE: &str = "origin/HEAD";

/// Which packages, chosen and built as cargo would.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// This package of the workspace; may be repeated
    #[arg(short, long, value_name = "NAME")]
    pub(crate) package: Vec<String>,
    /// All packages of the workspace
    #[arg(long, conflicts_with = "package")]
    pub(crate) workspace: bool,
    /// The Cargo.toml to begin at
    #[arg(long, value_name = "PATH")]
    pub(crate) manifest_path: Option<PathBuf>,
    /// Features to build with
    #[arg(short = 'F', long, value_name = "FEATURES")]
    pub(crate) features: Vec<String>,
    /// Build with all features
    #[arg(long)]
    pub(crate) all_features: bool,
    /// Build without the default features
    #[arg(long)]
    pub(crate) no_default_features: bool,
    /// Fail if Cargo.lock would change
    #[arg(long)]
    pub(crate) locked: bool,
    /// Use no network
    #[arg(long)]
    pub(crate) offline: bool,
    /// Answer with one JSON object on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

impl Selection {
    /// What cargo is told about the build.
    pub(crate) fn of_build(&self) -> Vec<String> {
        let flags = [
            ("--all-features", self.all_features),
            ("--no-default-features", self.no_default_features),
            ("--locked", self.locked),
            ("--offline", self.offline),
        ];
        let flags = flags.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag.to_owned());
        flags.chain(self.features.iter().map(|features| format!("--features={features}"))).collect()
    }
}
