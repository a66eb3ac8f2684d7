//! A network between a client and a server that can be slow, cut and counted.

mod connection;
mod lane;
mod wire;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::{Error, url};
use connection::Connection;
use wire::Wire;

/// After an accept that failed, such as for want of file descriptors.
const AFTER_A_FAILURE: Duration = Duration::from_millis(10);
/// How long a reset waits until the last socket is closed.
const RESET_PATIENCE: Duration = Duration::from_secs(2);

/// A TCP proxy in front of one server, on threads of its own: it works also while the caller's runtime is busy or paused.
///
/// A connection to it is accepted before the one to the server stands. If the latter fails, the former is reset.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    wire: Arc<Wire>,
    connections: Arc<Connections>,
    acceptor: Option<JoinHandle<()>>,
}

/// Those that are not closed yet: a connection is closed when the last of its threads has let go of it.
#[derive(Debug, Default)]
struct Connections(Mutex<Vec<Weak<Connection>>>);

impl Proxy {
    /// Listens on a free port of 127.0.0.1, in front of `target`.
    pub fn start(target: SocketAddr) -> Result<Proxy, Error> {
        let failed = || Error::while_doing::<std::io::Error>("could not start the proxy");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        let (wire, connections) = (Arc::new(Wire::default()), Arc::new(Connections::default()));
        let acceptor = {
            let (wire, connections) = (wire.clone(), connections.clone());
            thread::Builder::new().name("proxy".into()).spawn(move || accept(&listener, target, &wire, &connections))
        };
        Ok(Proxy { address, wire, connections, acceptor: Some(acceptor.map_err(failed())?) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The same URL, with the proxy in the place of the server.
    pub fn url(&self, original: &str) -> Result<String, Error> {
        url::with_address(original, self.address)
    }

    /// Delays what comes from now on by this much in each direction: half of a round trip.
    ///
    /// Bytes are forwarded that long after they came, however many are under way. The handshake of TCP is not delayed.
    pub fn set_delay(&self, delay: Duration) {
        self.wire.set_delay(delay);
    }

    /// Cuts the network: nothing is forwarded and nothing closed, and new connections are accepted but lead nowhere.
    pub fn cut(&self) {
        self.wire.set_cut(true);
    }

    /// Ends a cut: what was sent in the meantime arrives.
    pub fn restore(&self) {
        self.wire.set_cut(false);
    }

    /// Closes all connections with a reset, on both sides; what was under way is lost.
    pub fn reset_all(&self) {
        self.connections.reset_all();
    }

    /// How often the server's bytes have followed the client's, over all connections, from opening them on.
    ///
    /// Counted where the client stands. Without a delay, an answer to the first half of what a client sends may overtake
    /// the second half, and is counted then; with one, the count is that of times the client had to wait.
    pub fn round_trips(&self) -> u64 {
        self.wire.round_trips()
    }

    /// Counts from zero again.
    pub fn reset_round_trips(&self) {
        self.wire.reset_round_trips();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.wire.stop();
        // Wakes the acceptor, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        self.reset_all();
    }
}

impl Connections {
    fn add(&self, connection: &Arc<Connection>) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|known| known.strong_count() > 0);
        open.push(Arc::downgrade(connection));
    }

    fn reset_all(&self) {
        let open = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        open.iter().filter_map(Weak::upgrade).for_each(|connection| connection.reset());
        let deadline = Instant::now() + RESET_PATIENCE;
        while open.iter().any(|known| known.strong_count() > 0) && Instant::now() < deadline {
            thread::sleep(Duration::from_micros(200));
        }
    }
}

fn accept(listener: &TcpListener, target: SocketAddr, wire: &Arc<Wire>, connections: &Connections) {
    for client in listener.incoming() {
        if wire.is_stopped() {
            return;
        }
        let Ok(client) = client else {
            thread::sleep(AFTER_A_FAILURE);
            continue;
        };
        let connection = Arc::new(Connection::new(client, wire.clone()));
        connections.add(&connection);
        // Without a thread there is no connection: dropped, it is closed.
        let _ = thread::Builder::new().name("proxy connection".into()).spawn(move || connection.run(target));
    }
}
