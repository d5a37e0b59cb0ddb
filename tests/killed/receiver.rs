//! A receiver that notes what it takes, and refuses some of it at first.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use uuid::Uuid;

#[derive(Clone)]
pub struct Receiver {
    pub port: u16,
    noted: Arc<Mutex<Noted>>,
}

#[derive(Default)]
struct Noted {
    /// The path and the event, in the order in which they were taken.
    taken: Vec<(String, Uuid)>,
    refused: HashSet<(String, Uuid)>,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            noted: Arc::default(),
        };
        let serving = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let serving = serving.clone();
                // Whoever is killed leaves half a request behind.
                std::thread::spawn(move || drop(serving.serve(stream.unwrap())));
            }
        });
        receiver
    }

    pub fn taken(&self) -> Vec<(String, Uuid)> {
        self.noted.lock().unwrap().taken.clone()
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let path = line.split(' ').nth(1).unwrap().to_owned();
            let (mut event, mut length) = (None, 0);
            loop {
                line.clear();
                if reader.read_line(&mut line)? == 0 {
                    return Ok(());
                }
                let Some((name, value)) = line.trim_end().split_once(':') else {
                    break;
                };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.trim().parse().unwrap(),
                    "webhook-id" => event = value.trim().parse().ok(),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            let status = self.note(path, event.unwrap());
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            reader.get_mut().write_all(answer.as_bytes())?;
        }
    }

    fn note(&self, path: String, event: Uuid) -> &'static str {
        let mut noted = self.noted.lock().unwrap();
        let place = (path, event);
        // One in sixteen is refused the first time.
        if event.as_bytes()[0] < 16 && noted.refused.insert(place.clone()) {
            return "500 Internal Server Error";
        }
        noted.taken.push(place);
        "204 No Content"
    }
}
