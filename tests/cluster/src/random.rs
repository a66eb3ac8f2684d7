//! Names, passwords and ports that nobody else has.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use crate::Error;

/// Below the ports that systems hand out to outgoing connections (Linux begins at 32768): while a server is stopped
/// for a moment, no client's own end may take its port.
const PORTS: Range<u16> = 15_000..32_000;
const PORTS_TRIED: usize = 200;

/// Sixteen hexadecimal digits.
pub(crate) fn hex() -> String {
    format!("{:016x}", number())
}

/// A port of 127.0.0.1 on which nobody listens at the moment.
pub(crate) fn free_port() -> Result<u16, Error> {
    let width = u64::from(PORTS.end - PORTS.start);
    let port = || PORTS.start + (number() % width) as u16;
    std::iter::repeat_with(port)
        .take(PORTS_TRIED)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .ok_or_else(|| Error::new(format!("none of {PORTS_TRIED} ports between {PORTS:?} is free")))
}

/// Keyed by the randomness of the operating system, as hash maps are.
fn number() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
