//! The servers, as processes of their own.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use http_body_util::{BodyExt, StreamBody};
use hyper::Request;
use hyper::body::{Bytes, Frame};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use uuid::Uuid;

const CERTLIFE: &str = env!("CARGO_BIN_EXE_certlife");

/// The argument by which this program is the bare server.
pub const BARE: &str = "serve-bare";

/// A server.
pub struct Served {
    process: Child,
    pub address: String,
    pub token: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The identity of the nth application.
pub fn uuid(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// Runs the program on a store, its output thrown away.
pub fn certlife(store: &Path, arguments: &[&str]) {
    let status = Command::new(CERTLIFE)
        .args(arguments)
        .env("CERTLIFE_STORE", format!("sqlite:{}", store.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success(), "{arguments:?}");
}

/// Writes so many submissions into a file.
pub fn submissions(path: &Path, lines: u64) {
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    for number in 0..lines {
        let uuid = uuid(number);
        writeln!(
            file,
            "{{\"command\":\"submit\",\"uuid\":\"{uuid}\",\"application_id\":{},\"institution\":\"uni\",\
             \"actor\":\"customer:john\",\"certificate_title\":\"Certificate of Achievement\",\
             \"applicant_email\":\"applicant{number}@example.com\"}}",
            number + 1
        )
        .unwrap();
    }
    file.flush().unwrap();
}

/// The address behind `http://` in the first line that has one.
fn address(output: impl std::io::Read + Send + 'static) -> String {
    let mut lines = BufReader::new(output).lines().map(Result::unwrap);
    let found = lines.find_map(|it| {
        let (_, rest) = it.split_once("http://")?;
        let end = rest.find(|it: char| !it.is_ascii_digit() && !".:".contains(it));
        Some(rest[..end.unwrap_or(rest.len())].to_owned())
    });
    // The rest is read, so that the process never waits for its reader.
    std::thread::spawn(move || lines.count());
    found.unwrap()
}

impl Served {
    /// `certlife serve` on this store, with a token for everything.
    pub fn start(store: &Path) -> Self {
        let token = Command::new(CERTLIFE)
            .args(["token", "create", "--name", "bench", "--institution", "uni"])
            .args(["--scope", "all", "--actor", "administrator:jane"])
            .env("CERTLIFE_STORE", format!("sqlite:{}", store.display()))
            .output()
            .unwrap();
        let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
        let mut process = Command::new(CERTLIFE)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("CERTLIFE_STORE", format!("sqlite:{}", store.display()))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let address = address(process.stderr.take().unwrap());
        Self {
            process,
            address,
            token,
        }
    }

    /// The memory that the server takes, in KiB.
    pub fn memory(&self) -> f64 {
        let id = self.process.id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find(|it| it.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Sends a file as a stream of lines, and returns the number of events in the answers.
    pub async fn post_file(&self, path: &str, file: &Path) -> u64 {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let file = std::fs::File::open(file).unwrap();
        let chunks = futures_util::stream::unfold(file, async |mut file| {
            let mut chunk = vec![0; 1 << 16];
            // It is in the page cache.
            let read = file.read(&mut chunk).unwrap();
            chunk.truncate(read);
            let chunk = Ok::<_, std::io::Error>(Frame::data(Bytes::from(chunk)));
            (read > 0).then_some((chunk, file))
        });
        let request = Request::post(path)
            .header("host", "127.0.0.1")
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/x-ndjson")
            .body(BodyExt::boxed_unsync(StreamBody::new(chunks)))
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let (mut body, mut events) = (response.into_body(), Count::of(b"\"event_id\""));
        while let Some(frame) = body.frame().await {
            events.take(&frame.unwrap().into_data().unwrap());
        }
        events.found
    }
}

/// How often a text stands in a stream, also where it is split between two parts.
pub struct Count {
    text: &'static [u8],
    rest: Vec<u8>,
    pub found: u64,
}

impl Count {
    pub fn of(text: &'static [u8]) -> Self {
        let (rest, found) = (Vec::new(), 0);
        Self { text, rest, found }
    }

    pub fn take(&mut self, part: &[u8]) {
        let keep = self.text.len() - 1;
        let overlap = part.len().min(keep);
        let kept = self.rest.len();
        self.rest.extend_from_slice(&part[..overlap]);
        // What is whole within the part is counted there.
        let split = memchr::memmem::find_iter(&self.rest, self.text);
        let split = split.filter(|at| *at < kept && at + self.text.len() > kept);
        self.found += split.count() as u64;
        self.found += memchr::memmem::find_iter(part, self.text).count() as u64;
        let whole = [&self.rest[..kept], part].concat();
        self.rest = whole[whole.len().saturating_sub(keep)..].to_vec();
    }
}

/// The bare server, with this answer.
pub fn bare(answer: &str) -> Served {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args([BARE, answer])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let address = address(process.stdout.take().unwrap());
    Served {
        process,
        address,
        token: String::new(),
    }
}
