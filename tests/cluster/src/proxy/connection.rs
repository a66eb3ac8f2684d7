//! One connection through a proxy: two sockets, and a lane for each direction.

use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::lane::{self, Direction, Lane};
use super::wire::Wire;

const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Connection {
    client: TcpStream,
    /// Not before the connection to it stands.
    server: OnceLock<TcpStream>,
    closed: AtomicBool,
    /// The client has sent something that nothing has come back for.
    asked: AtomicBool,
    wire: Arc<Wire>,
}

impl Connection {
    pub(super) fn new(client: TcpStream, wire: Arc<Wire>) -> Connection {
        Connection {
            client,
            server: OnceLock::new(),
            closed: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            wire,
        }
    }

    /// Forwards in both directions until both have ended.
    pub(super) fn run(&self, target: SocketAddr) {
        // A server cannot be reached over a network that is cut.
        if !self.wait_until_whole() {
            return;
        }
        let Ok(server) = TcpStream::connect_timeout(&target, CONNECT_PATIENCE) else { return self.reset() };
        let server = self.server.get_or_init(|| server);
        // A reset that came before the line above did not see the server's socket.
        let ready = lane::prepare(&self.client).and_then(|()| lane::prepare(server));
        if ready.is_err() || self.is_closed() {
            return self.reset();
        }
        let there = Lane { connection: self, direction: Direction::ToServer, from: &self.client, to: server };
        let back = Lane { connection: self, direction: Direction::ToClient, from: server, to: &self.client };
        thread::scope(|scope| {
            scope.spawn(|| there.run());
            back.run();
        });
    }

    /// Closes both sockets with a reset as soon as the threads, which this wakes, have let go of them.
    pub(super) fn reset(&self) {
        self.closed.store(true, SeqCst);
        for socket in [Some(&self.client), self.server.get()].into_iter().flatten() {
            // With no time to linger, closing sends a reset. Ending the reads wakes the readers and sends nothing.
            let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
            let _ = socket.shutdown(Shutdown::Read);
        }
        self.wire.wake_all();
    }

    /// Waits while the wire is cut. False if the connection was reset, before or meanwhile.
    pub(super) fn wait_until_whole(&self) -> bool {
        self.wire.wait_until_whole(&self.closed)
    }

    pub(super) fn delay(&self) -> Duration {
        self.wire.delay()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }

    /// The client has sent something.
    pub(super) fn note_request(&self) {
        self.asked.store(true, SeqCst);
    }

    /// Something reaches the client.
    pub(super) fn note_answer(&self) {
        if self.asked.swap(false, SeqCst) {
            self.wire.count_round_trip();
        }
    }
}
