//! A small process that cleans up when this one ends, in whatever way it ends.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};

use crate::Error;
use crate::directory::Directory;

/// Before every script: a ctrl-C meant for the tests must not end what cleans up after them.
const DEAF: &str = "trap '' INT TERM HUP\n";
const OWN_GROUP: i32 = 0;

/// Runs a shell script that reads a line and then cleans up. No line ever comes: the end of this process, or of
/// this value, closes the pipe.
#[derive(Debug)]
pub(crate) struct Guard {
    process: Child,
}

impl Guard {
    /// `arguments` are `$1` and so on. The script runs as the servers' user; its pipe is closed in all other children,
    /// as std opens it close-on-exec.
    pub(crate) fn start<A: AsRef<OsStr>>(directory: &Directory, script: &str, arguments: &[A]) -> Result<Guard, Error> {
        let process = directory
            .command("/bin/sh")
            .arg("-c")
            .arg(DEAF.to_owned() + script)
            .arg("eventsource-test-guard")
            .args(arguments)
            .current_dir("/")
            .process_group(OWN_GROUP)
            .stdin(Stdio::piped())
            // Or whoever reads what the tests print would wait for this process as well.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Ok(Guard { process: process.map_err(Error::while_doing("could not run /bin/sh"))? })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // The limit is that of the script.
        let _ = self.process.wait();
    }
}
