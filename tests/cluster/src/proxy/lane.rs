//! One direction of a connection: one thread stamps what comes, another forwards it when it is due.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::connection::Connection;

/// With the next, the limit of what is under way: 16 MiB for each direction of a connection.
const READ_AT_ONCE: usize = 16 * 1024;
const PACKETS_UNDER_WAY: usize = 1024;
/// How long a thread waits at most before it looks whether the connection was reset.
const TURN: Duration = Duration::from_millis(20);
/// A thread that sleeps is woken some 50 µs late (Linux calls it the timer slack). So it sleeps that much less,
/// and gives way to others for what is left.
const SLACK: Duration = Duration::from_micros(60);

pub(super) struct Lane<'a> {
    pub(super) connection: &'a Connection,
    pub(super) direction: Direction,
    pub(super) from: &'a TcpStream,
    pub(super) to: &'a TcpStream,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    ToServer,
    ToClient,
}

struct Packet {
    due: Instant,
    content: Content,
}

enum Content {
    Bytes(Vec<u8>),
    End,
    /// The sender's side broke. The receiver learns it after what was sent before.
    Broken,
}

/// What both sockets of a connection need before bytes go over them.
pub(super) fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(TURN))
}

impl Lane<'_> {
    /// Forwards until the sender has ended or the connection is reset.
    pub(super) fn run(&self) {
        let (coming, going) = sync_channel(PACKETS_UNDER_WAY);
        thread::scope(|scope| {
            scope.spawn(move || self.stamp(&coming));
            self.forward(going);
        });
    }

    fn stamp(&self, coming: &SyncSender<Packet>) {
        let (mut from, mut buffer) = (self.from, vec![0; READ_AT_ONCE]);
        loop {
            let read = from.read(&mut buffer);
            let due = Instant::now() + self.connection.delay();
            if self.connection.is_closed() {
                return;
            }
            let content = match read {
                Ok(0) => Content::End,
                Ok(count) => Content::Bytes(buffer[..count].to_vec()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => Content::Broken,
            };
            if self.direction == Direction::ToServer {
                self.connection.note_request();
            }
            let goes_on = matches!(content, Content::Bytes(_));
            if coming.send(Packet { due, content }).is_err() || !goes_on {
                return;
            }
        }
    }

    fn forward(&self, going: Receiver<Packet>) {
        while let Ok(packet) = going.recv() {
            self.sleep_until(packet.due);
            if !self.connection.wait_until_whole() {
                return;
            }
            let forwarded = match packet.content {
                Content::Bytes(bytes) => self.write(&bytes),
                Content::End => self.to.shutdown(Shutdown::Write),
                Content::Broken => Err(ErrorKind::ConnectionReset.into()),
            };
            if forwarded.is_err() {
                return self.connection.reset();
            }
        }
    }

    fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        if self.direction == Direction::ToClient {
            self.connection.note_answer();
        }
        let mut to = self.to;
        while !bytes.is_empty() {
            match to.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                // The receiver is slow, or the connection was reset.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if !self.connection.wait_until_whole() {
                        return Err(error);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn sleep_until(&self, due: Instant) {
        while !self.connection.is_closed() {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            if left > SLACK {
                thread::sleep((left - SLACK).min(TURN));
            } else {
                thread::yield_now();
            }
        }
    }
}
