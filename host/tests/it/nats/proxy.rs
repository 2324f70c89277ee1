//! A TCP proxy between a host and a server that adds the fault.

use std::net::SocketAddr;
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
    /// Ends every connection at once, and the server does not hear of it.
    Cut,
    /// Says something else to the server where it is asked for messages, so that it never hears of it.
    DeafToPulls,
    /// The same where it is told of acknowledgements.
    DeafToAcks,
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
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    tokio::select! {
        () = one_way(&mut from_client, &mut to_server, fault.clone(), true) => return,
        () = one_way(&mut from_server, &mut to_client, fault.clone(), false) => return,
        () = begins(fault.clone(), Fault::Reset) => return,
        () = begins(fault.clone(), Fault::Cut) => {}
    }
    drop((from_client, to_client));
    let mut unheard = [0; 1024];
    while from_server.read(&mut unheard).await.is_ok_and(|count| count > 0) {}
}

async fn begins(mut fault: watch::Receiver<Fault>, which: Fault) {
    let _begun = fault.wait_for(|fault| *fault == which).await;
}

async fn one_way(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, fault: watch::Receiver<Fault>, up: bool) {
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
            Fault::None | Fault::Reset | Fault::Cut => {}
            Fault::Blackhole => {
                swallowed = true;
                continue;
            }
            Fault::HalfOpen if !up => {
                swallowed = true;
                continue;
            }
            Fault::HalfOpen => {}
            Fault::DeafToPulls => deafen(bytes, b"$JS.API.CONSUMER.MSG.NEXT"),
            Fault::DeafToAcks if up => deafen(bytes, b"$JS.ACK"),
            Fault::DeafToAcks => {}
            Fault::Slow => {
                if drip(bytes, to, &fault).await.is_err() {
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
fn deafen(bytes: &mut [u8], to: &[u8]) {
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(to)).collect();
    for at in places {
        bytes[at] = b'_';
    }
}
