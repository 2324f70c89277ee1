//! The door: accepts connections, runs hyper on each, and closes them without losing a request.
//!
//! No error of a socket ends it. A drain goes like this: accepting stops; HTTP/2 connections
//! get GOAWAY; HTTP/1.1 connections finish their request and say `connection: close`, idle
//! ones after a short grace; what is left at the deadline is cut off.

use std::collections::HashMap;
use std::future::{Future, pending};
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::{Request, Response};
use http_body::Body as HttpBody;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::activity::{Activity, Command};
use super::clock::Clock;
use super::connection::{self, Builder, Peer};
use super::limits::{ACCEPT_PAUSE, Limits};
use super::tls::Tls;
use crate::body::BodyError;
use crate::shutdown::{Shutdown, TaskGroup, Tasks};

/// A bound listener and everything that its connections share.
pub struct Door {
    listener: TcpListener,
    limits: Limits,
    shutdown: Shutdown,
    tasks: TaskGroup,
    builder: Arc<Builder>,
    room: Arc<Semaphore>,
    clock: Clock,
    live: Arc<Live>,
    tls: Option<Arc<Tls>>,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still busy at the deadline and were cut off.
    pub cut_off: usize,
}

impl Door {
    /// A door that is not open yet. `name` is the name of its tasks.
    pub fn new(listener: TcpListener, limits: Limits, name: &'static str, tasks: &Tasks, shutdown: Shutdown) -> Self {
        let tasks = tasks.group(name);
        Self {
            builder: Arc::new(connection::builder(tasks.clone())),
            room: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
            clock: Clock::new(),
            live: Arc::new(Live::default()),
            listener,
            limits,
            shutdown,
            tasks,
            tls: None,
        }
    }

    /// The same door for clients that speak TLS, and for nobody else.
    #[must_use]
    pub fn with_tls(mut self, tls: Arc<Tls>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Serves until the shutdown begins, then drains.
    pub async fn serve<H, F, B>(self, handler: H) -> Drained
    where
        H: Fn(Request<Incoming>, Peer) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: HttpBody<Data = Bytes, Error = BodyError> + Send + Unpin + 'static,
    {
        tokio::select! {
            () = self.accept_forever(&handler) => {}
            () = self.reap_forever(None) => {}
            () = self.shutdown.draining() => {}
        }
        self.accept_backlog(&handler);
        self.drain().await
    }

    async fn accept_forever<H, F, B>(&self, handler: &H)
    where
        H: Fn(Request<Incoming>, Peer) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: HttpBody<Data = Bytes, Error = BodyError> + Send + Unpin + 'static,
    {
        let mut failing = false;
        loop {
            // room first: what has no room stays in the kernel's queue
            let Ok(room) = Arc::clone(&self.room).acquire_owned().await else { return pending().await };
            match self.listener.accept().await {
                Ok((stream, address)) => self.spawn(stream, Peer::new(address), room, handler.clone()),
                Err(error) if ended_before_accept(&error) => {}
                Err(error) => {
                    if !failing {
                        tracing::warn!(%error, "cannot accept connections for now; will try again");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    failing = true;
                    continue;
                }
            }
            failing = false;
        }
    }

    /// Takes what the kernel has accepted already: closing the listener would reset it.
    fn accept_backlog<H, F, B>(&self, handler: &H)
    where
        H: Fn(Request<Incoming>, Peer) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: HttpBody<Data = Bytes, Error = BodyError> + Send + Unpin + 'static,
    {
        while let Ok(room) = Arc::clone(&self.room).try_acquire_owned() {
            let Some(Ok((stream, address))) = self.listener.accept().now_or_never() else { return };
            self.spawn(stream, Peer::new(address), room, handler.clone());
        }
    }

    fn spawn<H, F, B>(&self, stream: TcpStream, mut peer: Peer, room: OwnedSemaphorePermit, handler: H)
    where
        H: Fn(Request<Incoming>, Peer) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: HttpBody<Data = Bytes, Error = BodyError> + Send + Unpin + 'static,
    {
        let activity = Arc::new(Activity::new(self.clock.clone(), self.limits.requests));
        let address = peer.address.ip().to_canonical();
        let Some(entry) = self.live.enter(address, self.limits.connections_of_one, Arc::clone(&activity)) else {
            tracing::debug!(%address, "a client has more connections than one may have");
            return;
        };
        let (builder, tls, limit) = (Arc::clone(&self.builder), self.tls.clone(), self.limits.head);
        self.tasks.spawn(async move {
            if let Some(stream) = connection::open(stream, tls.as_deref(), &mut peer, limit).await {
                connection::run(stream, peer, &builder, handler, activity).await;
            }
            drop((entry, room));
        });
    }

    async fn drain(self) -> Drained {
        drop(self.listener);
        let begun = Instant::now();
        let reaping = reap_forever(&self.live, &self.clock, &self.limits, Some(begun));
        tokio::select! {
            () = self.tasks.wait() => Drained { cut_off: 0 },
            () = reaping => Drained { cut_off: 0 },
            () = tokio::time::sleep_until(begun + self.limits.drain) => {
                let cut_off = self.live.abort();
                tracing::warn!(connections = cut_off, "the drain's deadline passed: connections are cut off");
                Drained { cut_off }
            }
        }
    }

    async fn reap_forever(&self, draining_since: Option<Instant>) {
        reap_forever(&self.live, &self.clock, &self.limits, draining_since).await;
    }
}

/// Looks at every connection at every tick. Never ends.
async fn reap_forever(live: &Live, clock: &Clock, limits: &Limits, draining_since: Option<Instant>) {
    loop {
        clock.tick();
        live.review(limits, draining_since.map(|since| since.elapsed()));
        tokio::time::sleep(tick(limits, draining_since.is_some())).await;
    }
}

/// Timeouts are kept to within one tick: a quarter of the shortest of them, at most a second.
fn tick(limits: &Limits, draining: bool) -> Duration {
    let shortest = limits.head.min(limits.idle).min(limits.write_stall);
    let longest_tick = Duration::from_millis(if draining { 50 } else { 1000 });
    (shortest / 4).clamp(Duration::from_millis(5), longest_tick)
}

/// The client was gone before we came: no reason to pause.
fn ended_before_accept(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// The connections that are open, for the reaper.
#[derive(Default)]
struct Live(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    next: u64,
    open: HashMap<u64, Arc<Activity>>,
    /// How many of them each client has.
    of_client: HashMap<IpAddr, usize>,
}

/// Takes its connection off the list when dropped.
struct Entry {
    id: u64,
    client: IpAddr,
    live: Arc<Live>,
}

impl Live {
    /// `None`: this client has `most` of them already.
    fn enter(self: &Arc<Self>, client: IpAddr, most: usize, activity: Arc<Activity>) -> Option<Entry> {
        self.with(|entries| {
            let of_client = entries.of_client.entry(client).or_default();
            if *of_client >= most {
                return None;
            }
            *of_client += 1;
            let id = entries.next;
            entries.next += 1;
            entries.open.insert(id, activity);
            Some(Entry { id, client, live: Arc::clone(self) })
        })
    }

    fn review(&self, limits: &Limits, draining: Option<Duration>) {
        self.with(|entries| entries.open.values().for_each(|activity| activity.review(limits, draining)));
    }

    fn abort(&self) -> usize {
        self.with(|entries| {
            entries.open.values().for_each(|activity| activity.give(Command::Abort));
            entries.open.len()
        })
    }

    fn with<T>(&self, f: impl FnOnce(&mut Entries) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.live.with(|entries| {
            entries.open.remove(&self.id);
            if let Some(left) = entries.of_client.get_mut(&self.client) {
                *left -= 1;
                if *left == 0 {
                    entries.of_client.remove(&self.client);
                }
            }
        });
    }
}
