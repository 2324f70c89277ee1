//! `scripts/bench NAME`: one comparison in one run.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `http` | how fast is a hello component, against bare hyper and `wasmtime serve`? |
//! | `calls` | what does a call from one service to another cost, against the bare engine and HTTP? |
//! | `density` | what does an idle service cost, and how quickly is one deployed? |
//! | `faults` | what do callers see of a service that is slow, traps or is gone? |
//! | `hostile` | does a neighbour notice a component that misbehaves? |
//! | `gateway` | what does a token, a limit and a rewritten path cost, against express? |
//! | `state` | what does a durable commit cost, and what does sharing one flush save? |
//! | `shop` | how does the whole shop do, and do its books balance? |
//! | `events` | how fast are events, against a bare client of NATS? |
//! | `holm`, `peers`, `bare`, `loopback`, `nats_bare` | how are the sides started? |
//! | `process` | what does a process cost (processor, memory), and who ends it? |
//! | `wrk`, `pace` | who asks: as fast as possible, or at a fixed rate? |
//! | `report` | how is it told? |

mod bare;
mod calls;
mod density;
mod events;
mod faults;
mod gateway;
mod holm;
mod hostile;
mod http;
mod loopback;
mod nats_bare;
mod pace;
mod peers;
mod process;
mod report;
mod shop;
mod siege;
mod state;
mod wrk;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(name = "scripts/bench", about = "Compares Holm with its peers, in one run on this machine")]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// A hello component: requests per second against bare hyper and `wasmtime serve`
    Http(Tools),
    /// A call from one service to another: against the bare engine and HTTP between processes
    Calls(Tools),
    /// A thousand services: memory of each, deploys per second, start of the host
    Density(Tools),
    /// Orders at a fixed rate while their inventory is slow, traps and is gone
    Faults(Tools),
    /// Each hostile fixture beside a neighbour at a fixed rate
    Hostile(Tools),
    /// One route with a token, a limit and a rewritten path, against express
    Gateway(Tools),
    /// Durable commits per second of 1, 8 and 64 writers: a shared flush against one for each
    State,
    /// Events on both buses, against a bare client of NATS
    Events(Tools),
    /// The shop under a mix of browsing, carts and orders, on both buses
    Shop(Tools),
    /// The peer "bare async-nats" (started by `events`)
    #[command(hide = true)]
    BareNats { url: String },
    /// The peer "bare hyper" (started by `http`)
    #[command(hide = true)]
    HyperServer { address: SocketAddr },
    /// The peer of typed calls, which counts JSON (started by `calls`)
    #[command(hide = true)]
    JsonServer { address: SocketAddr },
}

/// The programs that take part; scripts/bench builds or installs them.
#[derive(Args, Clone)]
pub struct Tools {
    /// The program `holm`
    #[arg(long)]
    holm: PathBuf,
    /// The program `wasmtime`
    #[arg(long)]
    wasmtime: Option<PathBuf>,
    /// The program `nats-server`
    #[arg(long)]
    nats: Option<PathBuf>,
    /// The folder of the packages that the express side needs
    #[arg(long)]
    express: Option<PathBuf>,
    /// The root of the checkout
    #[arg(long)]
    root: PathBuf,
    /// Only what has this in its name
    #[arg(long)]
    only: Option<String>,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().bench {
        Bench::Http(tools) => http::run(&tools),
        Bench::Calls(tools) => tokio::runtime::Runtime::new()?.block_on(calls::run(&tools)),
        Bench::Density(tools) => density::run(&tools),
        Bench::Faults(tools) => tokio::runtime::Runtime::new()?.block_on(faults::run(&tools)),
        Bench::Hostile(tools) => tokio::runtime::Runtime::new()?.block_on(hostile::run(&tools)),
        Bench::Gateway(tools) => gateway::run(&tools),
        Bench::State => state::run(),
        Bench::Events(tools) => tokio::runtime::Runtime::new()?.block_on(events::run(&tools)),
        Bench::Shop(tools) => tokio::runtime::Runtime::new()?.block_on(shop::run(&tools)),
        Bench::BareNats { url } => tokio::runtime::Runtime::new()?.block_on(nats_bare::run(&url)),
        Bench::HyperServer { address } => tokio::runtime::Runtime::new()?.block_on(peers::serve_hyper(address)),
        Bench::JsonServer { address } => tokio::runtime::Runtime::new()?.block_on(loopback::serve(address)),
    }
}
