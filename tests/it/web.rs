//! The example `web`, as its users run it: it plays a client of itself, and with a port it waits for clients of ours.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use super::programs::program;

/// The program, until this is dropped.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    /// On a port that is free.
    fn start() -> Self {
        let child = Command::new(program("web")).arg("0").stdout(Stdio::piped()).spawn().unwrap();
        let mut served = Self { child, address: String::new() };
        let mut line = String::new();
        BufReader::new(served.child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        served.address = line.trim().strip_prefix("the bank is open at http://").expect(&line).to_owned();
        served
    }

    /// The answer, as it comes: `PUT /accounts/alice`, lines of headers, a body.
    fn ask(&self, request: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        let mut connection = TcpStream::connect(&self.address).unwrap();
        write!(
            connection,
            "{request} HTTP/1.1\r\nhost: bank\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n{headers}\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[track_caller]
fn assert_has(answer: &str, parts: &[&str]) {
    for part in parts {
        assert!(answer.contains(part), "no {part} in {answer}");
    }
}

#[test]
fn the_bank_plays_a_client_of_itself_and_ends() {
    let output = Command::new(program("web")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    let statuses = told.lines().filter_map(|line| line.strip_prefix("< ")?.get(..3)?.parse::<u16>().ok());
    assert_eq!(statuses.collect::<Vec<_>>(), [201, 201, 204, 200, 200, 204, 412, 422], "{told}");
}

#[test]
fn the_bank_answers_whoever_comes() {
    let bank = Served::start();
    let opened = bank.ask("PUT /accounts/alice", "idempotency-key: a\r\n", r#"{"owner":"Alice"}"#);
    assert_has(&opened, &["HTTP/1.1 201 Created", "etag: \"1\"", "location: /accounts/alice", r#""owner":"Alice""#]);
    let paid = bank.ask("POST /accounts/alice/deposits", "if-match: \"1\"\r\n", r#"{"cents":500}"#);
    assert_has(&paid, &["HTTP/1.1 204", "etag: \"2\""]);

    let token = paid.lines().find(|line| line.starts_with("causality-token: ")).unwrap();
    let richest = bank.ask("GET /richest", &format!("{token}\r\n"), "");
    assert_has(&richest, &["HTTP/1.1 200", r#"[{"account":"alice","cents":500}]"#]);

    for (headers, cents, parts) in [
        ("if-match: \"1\"\r\n", "1", ["412", r#""actual":2"#]),
        ("if-match: W/\"2\"\r\n", "1", ["412", "If-Match"]),
        ("if-match: 2\r\n", "1", ["400", "If-Match"]),
        ("idempotency-key: a\r\nidempotency-key: b\r\n", "1", ["400", "Idempotency-Key"]),
        ("", "501", ["422", r#""missing":1"#]),
    ] {
        let refused = bank.ask("POST /accounts/alice/withdrawals", headers, &format!(r#"{{"cents":{cents}}}"#));
        assert_has(&refused, &["content-type: application/problem+json"]);
        assert_has(&refused, &parts);
    }
    assert_has(&bank.ask("GET /accounts/bob", "", ""), &["HTTP/1.1 404", "application/problem+json"]);
}
