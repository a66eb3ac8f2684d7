//! A network that is slow, cut and counted. The server here sends back what it gets.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use eventsource_test_cluster::{Database, Proxy};
use sqlx::{Connection, PgConnection};

const A_WHILE: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(30);

fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            client.set_nodelay(true).unwrap();
            thread::spawn(move || std::io::copy(&mut client.try_clone().unwrap(), &mut client));
        }
    });
    address
}

fn connect(proxy: &Proxy) -> TcpStream {
    let client = TcpStream::connect(proxy.addr()).unwrap();
    client.set_nodelay(true).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

fn there_and_back(client: &mut TcpStream, bytes: &[u8]) {
    client.write_all(bytes).unwrap();
    let mut back = vec![0; bytes.len()];
    client.read_exact(&mut back).unwrap();
    assert_eq!(back, bytes);
}

#[test]
fn a_round_trip_takes_at_least_the_delay_of_both_directions() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut client = connect(&proxy);
    there_and_back(&mut client, b"warm");
    proxy.set_delay(Duration::from_millis(30));
    let start = Instant::now();
    there_and_back(&mut client, b"slow");
    assert!(start.elapsed() >= Duration::from_millis(60));
    proxy.set_delay(Duration::ZERO);
    there_and_back(&mut client, b"fast again");
}

#[test]
fn what_is_under_way_together_waits_together() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut client = connect(&proxy);
    proxy.set_delay(Duration::from_millis(100));
    let mut sender = client.try_clone().unwrap();
    let start = Instant::now();
    let sending = thread::spawn(move || {
        for n in 0..100_u8 {
            sender.write_all(&[n; 1000]).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
    });
    let mut back = vec![0; 100 * 1000];
    client.read_exact(&mut back).unwrap();
    sending.join().unwrap();
    assert!(back.chunks(1000).zip(0..).all(|(chunk, n)| chunk == [n; 1000]));
    // One after the other they would take twenty seconds.
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_cut_stalls_old_and_new_connections_until_it_is_restored() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut old = connect(&proxy);
    there_and_back(&mut old, b"before");
    proxy.cut();
    let mut new = connect(&proxy);
    for client in [&mut old, &mut new] {
        client.write_all(b"lost?").unwrap();
        client.set_read_timeout(Some(A_WHILE)).unwrap();
        let stalled = client.read(&mut [0; 5]).unwrap_err().kind();
        assert!(matches!(stalled, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{stalled}");
        client.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    proxy.restore();
    for client in [&mut old, &mut new] {
        let mut late = [0; 5];
        client.read_exact(&mut late).unwrap();
        assert_eq!(&late, b"lost?");
    }
}

#[test]
fn a_reset_closes_all_connections_also_those_that_stall_or_wait() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut open = connect(&proxy);
    there_and_back(&mut open, b"open");
    let mut waiting = connect(&proxy);
    proxy.set_delay(PATIENCE * 10);
    waiting.write_all(b"waits").unwrap();
    proxy.cut();
    let stalling = connect(&proxy);
    thread::sleep(A_WHILE);
    proxy.reset_all();
    for mut client in [open, waiting, stalling] {
        let reset = client.read(&mut [0; 5]).unwrap_err().kind();
        assert_eq!(reset, ErrorKind::ConnectionReset);
    }
    proxy.set_delay(Duration::ZERO);
    proxy.restore();
    there_and_back(&mut connect(&proxy), b"new ones are served");
}

#[test]
fn an_end_reaches_the_other_side_after_all_that_was_sent() {
    let proxy = Proxy::start(echo()).unwrap();
    proxy.set_delay(Duration::from_millis(20));
    let mut client = connect(&proxy);
    // More than sockets and queues hold at a time.
    let sent = vec![7; 8 * 1024 * 1024];
    let mut sender = client.try_clone().unwrap();
    let expected = sent.len();
    let sending = thread::spawn(move || {
        sender.write_all(&sent).unwrap();
        sender.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    sending.join().unwrap();
    assert_eq!(back.len(), expected);
}

#[test]
fn a_server_that_is_not_there_resets_its_clients() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::start(nobody).unwrap();
    assert_eq!(connect(&proxy).read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn round_trips_are_counted_as_the_client_waits_for_them() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut client = connect(&proxy);
    there_and_back(&mut client, b"counted and forgotten");
    assert_eq!(proxy.round_trips(), 1);
    proxy.reset_round_trips();
    proxy.set_delay(Duration::from_millis(200));
    for _ in 0..2 {
        // Two packets, of which the second does not wait for the first to come back.
        client.write_all(b"one").unwrap();
        thread::sleep(Duration::from_millis(1));
        there_and_back_after(&mut client, b"two", "one".len());
    }
    assert_eq!(proxy.round_trips(), 2);
}

/// There and back, when as many bytes are still on their way.
fn there_and_back_after(client: &mut TcpStream, bytes: &[u8], before: usize) {
    client.write_all(bytes).unwrap();
    client.read_exact(&mut vec![0; before + bytes.len()]).unwrap();
}

#[tokio::test]
async fn a_statement_of_postgres_is_one_round_trip() {
    let database = Database::create().await.unwrap();
    let proxy = Proxy::start(database.address().unwrap()).unwrap();
    let mut connection = PgConnection::connect(&proxy.url(database.url()).unwrap()).await.unwrap();
    proxy.set_delay(Duration::from_millis(5));
    let prepared = sqlx::query_scalar::<_, i32>("SELECT 1");
    assert_eq!(prepared.fetch_one(&mut connection).await.unwrap(), 1);
    proxy.reset_round_trips();
    assert_eq!(sqlx::query_scalar::<_, i32>("SELECT 1").fetch_one(&mut connection).await.unwrap(), 1);
    assert_eq!(proxy.round_trips(), 1);
}
