//! A TCP proxy between a host and a server that adds the fault.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the proxy does with what comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Passes it on.
    None,
    /// Swallows it, both ways; connections stay, and new ones are taken.
    Blackhole,
    /// Swallows what the server says.
    HalfOpen,
    /// One byte a second.
    Slow,
    /// Ends every connection at once.
    Reset,
    /// Says something else to the server where it is asked for messages, so that it never hears of it.
    DeafToPulls,
}

/// A running proxy.
pub(crate) struct Proxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// In front of a server.
    pub(crate) async fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (fault, follow) = watch::channel(Fault::None);
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, server.to_owned(), follow));
        Self { address, fault, _tasks: tasks }
    }

    /// Where hosts find it.
    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// From now on.
    pub(crate) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

async fn serve(listener: TcpListener, server: String, fault: watch::Receiver<Fault>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        connections.spawn(pass(client, server.clone(), fault.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn pass(client: TcpStream, server: String, fault: watch::Receiver<Fault>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let mut reset = fault.clone();
    let (up, down) = (Arc::new(fault.clone()), fault);
    tokio::select! {
        () = one_way(from_client, to_server, (*up).clone(), true) => {}
        () = one_way(from_server, to_client, down, false) => {}
        _ = reset.wait_for(|fault| *fault == Fault::Reset) => {}
    }
}

async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, fault: watch::Receiver<Fault>, up: bool) {
    let (mut buffer, mut swallowed) = (vec![0; 64 << 10], false);
    loop {
        let count = from.read(&mut buffer).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        let bytes = &mut buffer[..count];
        let now = *fault.borrow();
        match now {
            // no network goes on behind bytes that are missing
            _ if swallowed && now != Fault::Blackhole && now != Fault::HalfOpen => return,
            Fault::None | Fault::Reset => {}
            Fault::Blackhole => {
                swallowed = true;
                continue;
            }
            Fault::HalfOpen if !up => {
                swallowed = true;
                continue;
            }
            Fault::HalfOpen => {}
            Fault::DeafToPulls => deafen(bytes),
            Fault::Slow => {
                if drip(bytes, &mut to, &fault).await.is_err() {
                    return;
                }
                continue;
            }
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

/// Byte by byte, for as long as the fault lasts.
async fn drip(bytes: &[u8], to: &mut OwnedWriteHalf, fault: &watch::Receiver<Fault>) -> std::io::Result<()> {
    for (at, byte) in bytes.iter().enumerate() {
        if *fault.borrow() != Fault::Slow {
            return to.write_all(&bytes[at..]).await;
        }
        to.write_all(&[*byte]).await?;
        let mut fault = fault.clone();
        let over = fault.wait_for(|fault| *fault != Fault::Slow);
        let _over = tokio::time::timeout(Duration::from_secs(1), over).await;
    }
    Ok(())
}

/// A subject of the same length that nobody but the test listens to.
fn deafen(bytes: &mut [u8]) {
    let asked = b"$JS.API.CONSUMER.MSG.NEXT";
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(asked)).collect();
    for at in places {
        bytes[at] = b'_';
    }
}
