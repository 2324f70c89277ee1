//! `scripts/bench NAME`: one comparison in one run.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `http` | how fast is a hello component, against bare hyper and `wasmtime serve`? |
//! | `density` | what does an idle service cost, and how quickly is one deployed? |
//! | `hostile` | does a neighbour notice a component that misbehaves? |
//! | `state` | what does a durable commit cost, and what does sharing one flush save? |
//! | `holm`, `peers` | how are the sides started? |
//! | `process` | what does a process cost (processor, memory), and who ends it? |
//! | `wrk`, `pace` | who asks: as fast as possible, or at a fixed rate? |
//! | `report` | how is it told? |

mod density;
mod holm;
mod hostile;
mod http;
mod pace;
mod peers;
mod process;
mod report;
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
    /// A thousand services: memory of each, deploys per second, start of the host
    Density(Tools),
    /// Each hostile fixture beside a neighbour at a fixed rate
    Hostile(Tools),
    /// Durable commits per second of 1, 8 and 64 writers: a shared flush against one for each
    State,
    /// The peer "bare hyper" (started by `http`)
    #[command(hide = true)]
    HyperServer { address: SocketAddr },
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
        Bench::Density(tools) => density::run(&tools),
        Bench::Hostile(tools) => tokio::runtime::Runtime::new()?.block_on(hostile::run(&tools)),
        Bench::State => state::run(),
        Bench::HyperServer { address } => tokio::runtime::Runtime::new()?.block_on(peers::serve_hyper(address)),
    }
}
