//! A receiver that takes everything and keeps it.

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::http_request::HttpRequest;
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
        while let Some(request) = HttpRequest::read(&mut reader)? {
            let mut headers = request.headers.into_iter();
            let id = headers.find(|(name, _)| name.eq_ignore_ascii_case("webhook-id"));
            let arrival = Arrival {
                path: request.path,
                webhook_id: id.map_or_else(String::new, |(_, id)| id.trim().to_owned()),
                body: String::from_utf8(request.body).unwrap(),
            };
            self.taken.lock().unwrap().push((now(), arrival));
            let answer = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n";
            reader.get_mut().write_all(answer)?;
        }
        Ok(())
    }
}
