//! `holm events`.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `tail`, `publish` | what comes, and what is said from outside? |
//! | `lists` | which streams and subscriptions are there? |
//! | `dlq` | what could nobody handle, and what becomes of it? |

mod dlq;
mod lists;
mod publish;
mod tail;

use clap::Subcommand;

use super::Context;

/// Watch and publish events, and look after those that nobody could handle
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Tail(tail::Args),
    Publish(publish::Args),
    Streams(lists::Streams),
    Consumers(lists::Consumers),
    Dlq(dlq::Args),
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self.what {
            What::Tail(args) => args.run(context).await,
            What::Publish(args) => args.run(context).await,
            What::Streams(args) => args.run(context).await,
            What::Consumers(args) => args.run(context).await,
            What::Dlq(args) => args.run(context).await,
        }
    }
}
