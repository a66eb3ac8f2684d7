//! A ledger on disk: where its rows stand in order of date, and its rows one by one.
//!
//! The file may be larger than the memory. What is kept of a row is 16 bytes, its date and its
//! place; the row itself is read again when its turn comes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::row::{self, Row};

/// What is wrong with a ledger, and in which line.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {what}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub(crate) struct BadInput {
    path: PathBuf,
    line: Option<u32>,
    what: String,
}

/// A ledger whose lines were all looked at, up to the first that is wrong.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    places: Vec<Place>,
    wrong: Option<BadInput>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    date: NaiveDate,
    line: u32,
    offset: u64,
}

impl Ledger {
    /// Looks at every line. A line that is wrong ends the ledger; see [`Ledger::wrong`].
    pub(crate) fn open(path: &Path) -> Result<Self, BadInput> {
        let mut lines = Lines::open(path)?;
        let mut ledger = Self { path: path.to_owned(), places: Vec::new(), wrong: None };
        loop {
            match lines.next_row() {
                Ok(Some((place, _))) => ledger.places.push(place),
                Ok(None) => break,
                Err(wrong) => {
                    ledger.wrong = Some(wrong);
                    break;
                }
            }
        }
        // Stable: within a day the order of the file stays.
        ledger.places.sort_by_key(|place| place.date);
        Ok(ledger)
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> u64 {
        self.places.len() as u64
    }

    /// The rows in order of date, each read when it is asked for.
    pub(crate) fn rows(&self) -> Result<impl Iterator<Item = Result<Row, BadInput>>, BadInput> {
        let mut lines = Lines::open(&self.path)?;
        Ok(self.places.iter().map(move |place| lines.row_at(*place)))
    }

    /// The line that ended the ledger before its end, if one did.
    pub(crate) fn wrong(&mut self) -> Option<BadInput> {
        let recorded = match self.places.len() {
            1 => "1 row before it is recorded".to_owned(),
            rows => format!("{rows} rows before it are recorded"),
        };
        let add = |wrong: BadInput| BadInput { what: format!("{}; {recorded}", wrong.what), ..wrong };
        self.wrong.take().map(add)
    }
}

/// A file read line by line; bytes are Latin-1.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    buffer: Vec<u8>,
    line: u32,
    offset: u64,
}

/// A longer line belongs to no ledger.
const MAX_LINE: u64 = 4_096;

impl Lines {
    fn open(path: &Path) -> Result<Self, BadInput> {
        match File::open(path) {
            Ok(file) => {
                let reader = BufReader::new(file);
                Ok(Self { path: path.to_owned(), reader, buffer: Vec::new(), line: 0, offset: 0 })
            }
            Err(error) => {
                Err(BadInput { path: path.to_owned(), line: None, what: format!("cannot be opened: {error}") })
            }
        }
    }

    /// The next row and its place; headings and empty lines are passed over.
    fn next_row(&mut self) -> Result<Option<(Place, Row)>, BadInput> {
        loop {
            let offset = self.offset;
            let Some(line) = self.next_line()? else { return Ok(None) };
            if let Some(row) = row::parse(&line).map_err(|what| self.wrong(what))? {
                let place = Place { date: row.date, line: self.line, offset };
                return Ok(Some((place, row)));
            }
        }
    }

    /// The next line without its end.
    fn next_line(&mut self) -> Result<Option<String>, BadInput> {
        self.line += 1;
        self.buffer.clear();
        let read = self.reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut self.buffer);
        let length = read.map_err(|error| self.unreadable(&error))? as u64;
        if length == 0 {
            return Ok(None);
        }
        self.offset += length;
        let ended = self.buffer.strip_suffix(b"\n");
        if ended.is_none() && length == MAX_LINE {
            return Err(self.wrong(format!("the line is longer than {MAX_LINE} bytes")));
        }
        let line = ended.unwrap_or(&self.buffer);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // In Latin-1 each byte is the character of that number.
        Ok(Some(line.iter().copied().map(char::from).collect()))
    }

    fn row_at(&mut self, place: Place) -> Result<Row, BadInput> {
        // Cheap where the row is already in the buffer, as in a file that is in order.
        let distance = place.offset as i64 - self.offset as i64;
        self.reader.seek_relative(distance).map_err(|error| self.unreadable(&error))?;
        self.offset = place.offset;
        self.line = place.line - 1;
        let row = self.next_row()?.map(|(_, row)| row);
        row.ok_or_else(|| self.wrong("the file became shorter while it was read".to_owned()))
    }

    fn unreadable(&self, error: &io::Error) -> BadInput {
        self.wrong(format!("cannot be read: {error}"))
    }

    fn wrong(&self, what: String) -> BadInput {
        BadInput { path: self.path.clone(), line: Some(self.line), what }
    }
}
