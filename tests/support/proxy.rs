//! A wire that can be cut: forwards connections to a server, and fails at a message of the test's choice.

#![allow(
    dead_code,
    reason = "each test takes what it needs, and the compiler sees one test at a time"
)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It never arrives, and the connection is lost.
    CutBeforeRequest,
    /// It arrives, and the connection is lost at once.
    CutAfterRequest,
    /// It is answered, and the connection is lost before the answer arrives.
    CutBeforeAnswer,
    /// It never arrives, and nobody hears of anything.
    HangBeforeRequest,
    /// It is answered, and the answer never arrives.
    HangBeforeAnswer,
}

impl Fault {
    pub const ALL: [Self; 5] = [
        Self::CutBeforeRequest,
        Self::CutAfterRequest,
        Self::CutBeforeAnswer,
        Self::HangBeforeRequest,
        Self::HangBeforeAnswer,
    ];
}

/// A fault that waits for a message with these bytes in it, so many times.
struct Armed {
    marker: Vec<u8>,
    fault: Fault,
    times: usize,
}

/// The wire. It is there as long as the runtime.
#[derive(Clone)]
pub struct Proxy {
    port: u16,
    armed: Arc<Mutex<Option<Armed>>>,
    is_away: watch::Sender<bool>,
}

impl Proxy {
    /// A wire to the server behind this socket.
    pub async fn start(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            armed: Arc::default(),
            is_away: watch::Sender::new(false),
        };
        let accepting = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if let Ok(server) = UnixStream::connect(&socket).await {
                    tokio::spawn(accepting.clone().forward(client, server));
                }
            }
        });
        proxy
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    /// From now on, the next messages with this text in them meet with the fault.
    pub fn arm(&self, marker: &str, fault: Fault, times: usize) {
        *self.armed.lock().unwrap() = Some(Armed {
            marker: marker.as_bytes().to_owned(),
            fault,
            times,
        });
    }

    /// Loses every connection, old and new, until it is back.
    pub fn go_away(&self) {
        self.is_away.send_replace(true);
    }

    pub fn come_back(&self) {
        self.is_away.send_replace(false);
    }

    /// How many messages are still to meet with the fault.
    pub fn left(&self) -> usize {
        self.armed.lock().unwrap().as_ref().map_or(0, |it| it.times)
    }

    fn fault_of(&self, message: &[u8]) -> Option<Fault> {
        let mut armed = self.armed.lock().unwrap();
        let armed = armed.as_mut()?;
        let mut windows = message.windows(armed.marker.len());
        if armed.times == 0 || !windows.any(|it| it == armed.marker) {
            return None;
        }
        armed.times -= 1;
        Some(armed.fault)
    }

    /// Both ways, until one end or a fault closes the connection.
    async fn forward(self, mut client: TcpStream, mut server: UnixStream) {
        let (mut request, mut answer) = (vec![0; 1 << 20], vec![0; 1 << 20]);
        let mut is_away = self.is_away.subscribe();
        loop {
            tokio::select! {
                () = async { let _ = is_away.wait_for(|it| *it).await; } => return,
                read = client.read(&mut request) => {
                    let Ok(length @ 1..) = read else { return };
                    let message = &request[..length];
                    let fault = self.fault_of(message);
                    let arrives = !matches!(
                        fault,
                        Some(Fault::CutBeforeRequest | Fault::HangBeforeRequest)
                    );
                    if arrives && server.write_all(message).await.is_err() {
                        return;
                    }
                    match fault {
                        None => {}
                        Some(Fault::CutBeforeRequest | Fault::CutAfterRequest) => return,
                        Some(Fault::CutBeforeAnswer) => {
                            let _ = server.read(&mut answer).await;
                            return;
                        }
                        Some(Fault::HangBeforeRequest | Fault::HangBeforeAnswer) => {
                            // Until the client gives up.
                            while let Ok(1..) = client.read(&mut request).await {}
                            return;
                        }
                    }
                }
                read = server.read(&mut answer) => {
                    let Ok(length @ 1..) = read else { return };
                    if client.write_all(&answer[..length]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
