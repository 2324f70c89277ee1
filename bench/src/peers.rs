//! The other sides: bare hyper, which is what a door costs without anything behind it, and
//! `wasmtime serve`, which is the engine without a host around it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::process::Process;

/// How `wasmtime serve` treats its instances.
#[derive(Clone, Copy)]
pub enum Serve {
    /// A new one for every request.
    Fresh,
    /// Each is used as often as Holm's.
    Reuse,
}

/// Starts `wasmtime serve` on `address`, with Holm's timeout and number of uses.
pub fn wasmtime_serve(program: &Path, component: &Path, how: Serve, address: SocketAddr) -> anyhow::Result<Process> {
    let uses = match how {
        Serve::Fresh => "1",
        Serve::Reuse => crate::holm::REUSE,
    };
    let mut command = Command::new(program);
    command.args(["serve", "-Scli", "-Sp3", "-Wcomponent-model-async", "-Wtimeout=3s"]);
    command.args(["--max-instance-reuse-count", uses, "--addr", &address.to_string()]).arg(component);
    Process::start("wasmtime serve", &mut command)
}

/// Starts this program again, as a server of bare hyper.
pub fn bare_hyper(address: SocketAddr) -> anyhow::Result<Process> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["hyper-server", &address.to_string()]);
    Process::start("bare hyper", &mut command)
}

/// Answers every request with the words of the hello component.
pub async fn serve_hyper(address: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        while connections.try_join_next().is_some() {}
        let hello = |_: Request<Incoming>| async {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"Hello, world!\n"))))
        };
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(hello)));
    }
}

/// Starts a NATS server with JetStream in `folder`, ready to serve.
pub fn nats_server(program: &Path, folder: &Path) -> anyhow::Result<(Process, SocketAddr)> {
    let address = free_address()?;
    let mut command = Command::new(program);
    command.args(["-js", "-a", "127.0.0.1", "-p", &address.port().to_string(), "-sd"]).arg(folder);
    let mut process = Process::start("nats-server", &mut command)?;
    process.wait_until("the start", || std::net::TcpStream::connect(address).is_ok())?;
    Ok((process, address))
}

/// An address of this machine that nobody listens on.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
