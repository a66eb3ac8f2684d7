//! The parts of a `postgres://` URL that tests exchange. All else stays as it was written.

use std::net::{SocketAddr, ToSocketAddrs};

use crate::Error;

const PORT: u16 = 5432;

struct Parts<'a> {
    /// Scheme and user, up to the host.
    before: &'a str,
    host_and_port: &'a str,
    database: &'a str,
    /// The options, with their question mark.
    options: &'a str,
}

fn parts(url: &str) -> Result<Parts<'_>, Error> {
    // The URL may hold a password, so the message does not name it.
    let unreadable =
        || Error::new("the URL of the server is not of the form postgres://user:password@host:port/database");
    let start = url.find("://").ok_or_else(unreadable)? + "://".len();
    let (whole, options) = url.split_at(url[start..].find('?').map_or(url.len(), |at| start + at));
    let (authority, database) = match whole[start..].find('/') {
        Some(at) => (&whole[..start + at], &whole[start + at + 1..]),
        None => (whole, ""),
    };
    let host = authority.rfind('@').map_or(start, |at| at + 1);
    let (before, host_and_port) = authority.split_at(host);
    Ok(Parts { before, host_and_port, database, options })
}

/// The same server and user, another database.
pub(crate) fn with_database(url: &str, database: &str) -> Result<String, Error> {
    let Parts { before, host_and_port, options, .. } = parts(url)?;
    Ok(format!("{before}{host_and_port}/{database}{options}"))
}

/// The same user and database, reached at another address.
pub(crate) fn with_address(url: &str, address: SocketAddr) -> Result<String, Error> {
    let Parts { before, database, options, .. } = parts(url)?;
    Ok(format!("{before}{address}/{database}{options}"))
}

/// Where the server listens.
pub(crate) fn address(url: &str) -> Result<SocketAddr, Error> {
    let host = parts(url)?.host_and_port;
    // The colons of an IPv6 address stand in brackets.
    let has_port = host.rfind(':').is_some_and(|colon| !host[colon..].contains(']'));
    let host = if has_port { host.to_owned() } else { format!("{host}:{PORT}") };
    let mut found = host.to_socket_addrs().map_err(Error::while_doing(format!("no address for {host:?}")))?;
    found.next().ok_or_else(|| Error::new(format!("no address for {host:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = "postgres://me:p@ss@127.0.0.1:5433/orders?sslmode=disable&a=b/c";

    #[test]
    fn another_database_leaves_the_rest_as_it_is() {
        let expected = "postgres://me:p@ss@127.0.0.1:5433/x?sslmode=disable&a=b/c";
        assert_eq!(with_database(FULL, "x").unwrap(), expected);
        assert_eq!(with_database("postgres://host", "x").unwrap(), "postgres://host/x");
        assert_eq!(with_database("postgres://host?a=b", "x").unwrap(), "postgres://host/x?a=b");
    }

    #[test]
    fn another_address_leaves_the_rest_as_it_is() {
        let address = "127.0.0.1:9".parse().unwrap();
        let expected = "postgres://me:p@ss@127.0.0.1:9/orders?sslmode=disable&a=b/c";
        assert_eq!(with_address(FULL, address).unwrap(), expected);
    }

    #[test]
    fn an_address_has_the_usual_port_where_none_is_written() {
        assert_eq!(address(FULL).unwrap(), "127.0.0.1:5433".parse().unwrap());
        assert_eq!(address("postgres://me@127.0.0.1/x").unwrap(), "127.0.0.1:5432".parse().unwrap());
        assert_eq!(address("postgres://me@[::1]/x").unwrap(), "[::1]:5432".parse().unwrap());
        assert!(address("host=localhost").is_err());
    }
}
