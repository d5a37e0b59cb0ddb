//! A wire that can be cut: forwards connections to a server, and fails at a message of the test's
//! choice, or altogether.

#![allow(
    dead_code,
    reason = "each test takes what it needs, and the compiler sees one test at a time"
)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
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
    /// It never arrives, and neither end hears of anything.
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

/// What the whole wire does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// It forwards.
    Up,
    /// Every connection, old and new, is closed.
    Away,
    /// Every connection, old and new, stays open and silent; what was sent meanwhile arrives when
    /// the wire is up, as TCP has it.
    Stalled,
    /// The same, and those connections stay silent for ever, as behind a firewall that has
    /// forgotten them.
    Lost,
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
    wire: watch::Sender<Wire>,
}

impl Proxy {
    /// A wire to the server behind this socket.
    pub async fn start(socket: PathBuf) -> Self {
        let (proxy, listener) = Self::listening().await;
        let accepting = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (accepting, socket) = (accepting.clone(), socket.clone());
                let server = async move { UnixStream::connect(&socket).await };
                tokio::spawn(accepting.connect(client, server));
            }
        });
        proxy
    }

    /// A wire to the server on this port of loopback.
    pub async fn start_to_port(port: u16) -> Self {
        let (proxy, listener) = Self::listening().await;
        let accepting = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", port));
                tokio::spawn(accepting.clone().connect(client, server));
            }
        });
        proxy
    }

    async fn listening() -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            armed: Arc::default(),
            wire: watch::Sender::new(Wire::Up),
        };
        (proxy, listener)
    }

    /// A new connection, and the one behind it.
    async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        mut client: TcpStream,
        server: impl Future<Output = std::io::Result<S>>,
    ) {
        if self.is_up_again(&mut client).await
            && let Ok(server) = server.await
        {
            self.forward(client, server).await;
        }
    }

    /// Waits while the wire is stalled; whether the connection goes on then.
    async fn is_up_again(&self, client: &mut TcpStream) -> bool {
        let mut wire = self.wire.subscribe();
        loop {
            let now = *wire.borrow_and_update();
            match now {
                Wire::Up => return true,
                Wire::Away => return false,
                Wire::Stalled => {}
                Wire::Lost => {
                    swallow(client).await;
                    return false;
                }
            }
            if wire.changed().await.is_err() {
                return false;
            }
        }
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
        self.be(Wire::Away);
    }

    pub fn come_back(&self) {
        self.be(Wire::Up);
    }

    /// From now on the wire does this.
    pub fn be(&self, wire: Wire) {
        self.wire.send_replace(wire);
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
    async fn forward<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        mut client: TcpStream,
        mut server: S,
    ) {
        let (mut request, mut answer) = (vec![0; 1 << 20], vec![0; 1 << 20]);
        let mut wire = self.wire.subscribe();
        loop {
            tokio::select! {
                biased;
                () = async { let _ = wire.wait_for(|it| *it != Wire::Up).await; } => {
                    if !self.is_up_again(&mut client).await {
                        return;
                    }
                }
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
                            swallow(&mut client).await;
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

/// Reads, and answers nothing, until the client gives up.
async fn swallow(client: &mut TcpStream) {
    let mut request = vec![0; 1 << 16];
    while let Ok(1..) = client.read(&mut request).await {}
}
