//! A receiver that takes everything and keeps it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::process::now;

/// A request: the path of the webhook, the id of the event, and the body.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arrival {
    pub path: String,
    pub webhook_id: String,
    pub body: String,
}

#[derive(Clone)]
pub struct Receiver {
    pub port: u16,
    /// With the moment of each.
    taken: Arc<Mutex<Vec<(u128, Arrival)>>>,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            taken: Arc::default(),
        };
        let serving = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let serving = serving.clone();
                // A dispatcher that is killed leaves half a request behind.
                std::thread::spawn(move || drop(serving.serve(stream.unwrap())));
            }
        });
        receiver
    }

    /// What has arrived, and when, in order.
    pub fn taken(&self) -> Vec<(u128, Arrival)> {
        self.taken.lock().unwrap().clone()
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let path = line.split(' ').nth(1).unwrap().to_owned();
            let (mut webhook_id, mut length) = (String::new(), 0);
            loop {
                line.clear();
                if reader.read_line(&mut line)? == 0 {
                    return Ok(());
                }
                let Some((name, value)) = line.trim_end().split_once(':') else {
                    break;
                };
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().unwrap();
                } else if name.eq_ignore_ascii_case("webhook-id") {
                    value.trim().clone_into(&mut webhook_id);
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            let arrival = Arrival {
                path,
                webhook_id,
                body: String::from_utf8(body).unwrap(),
            };
            self.taken.lock().unwrap().push((now(), arrival));
            let answer = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n";
            reader.get_mut().write_all(answer)?;
        }
    }
}
