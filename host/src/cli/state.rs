//! `holm state`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use clap::Subcommand;
use holm_registry::ServiceName;

use super::Context;
use super::failure::Failure;
use super::host::HostArgs;
use crate::admin::client::Client;

/// Bytes of one piece of an import, as long as no line is larger: each piece is one commit.
const PIECE: usize = 1 << 20;

/// Look at what services keep, and carry it from host to host
///
/// All of this needs the admin token, and the audit log says who has read or changed what.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the keys of a service
    Ls {
        /// Name of the service
        service: ServiceName,
        /// Only keys that begin so
        #[arg(default_value = "", hide_default_value = true)]
        prefix: String,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        host: HostArgs,
    },
    /// Print the value of a key, as it is
    Get {
        /// Name of the service
        service: ServiceName,
        /// The key
        key: String,
        #[command(flatten)]
        host: HostArgs,
    },
    /// Print all that a service keeps: a JSON object a line, values in base64
    ///
    /// It is no snapshot: what is written meanwhile may be in it or not.
    Export {
        /// Name of the service
        service: ServiceName,
        #[command(flatten)]
        host: HostArgs,
    },
    /// Set keys of a service from the lines of an export
    ///
    /// Keys that are there are replaced, others stay. It goes on in pieces of about a megabyte, each as a whole.
    Import {
        /// Name of the service
        service: ServiceName,
        /// The file; - reads stdin
        file: PathBuf,
        #[command(flatten)]
        host: HostArgs,
    },
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        match self.what {
            What::Ls { service, prefix, json, host } => {
                let client = host.client(&context.environment)?;
                let mut keys = client.state_keys(&service, None, Some(&prefix)).await?;
                while let Some(key) = keys.next().await? {
                    match json {
                        true => context.output.json_line(&key)?,
                        false => context.output.line(key.key)?,
                    }
                }
                Ok(())
            }
            What::Get { service, key, host } => {
                let value = host.client(&context.environment)?.state_value(&service, "", &key).await?;
                Ok(context.output.raw(&value)?)
            }
            What::Export { service, host } => {
                let mut records = host.client(&context.environment)?.export_state(&service).await?;
                while let Some(record) = records.next().await? {
                    context.output.json_line(&record)?;
                }
                Ok(())
            }
            What::Import { service, file, host } => {
                let client = host.client(&context.environment)?;
                let keys = match file.as_os_str() == "-" {
                    true => import(&client, &service, io::stdin().lock()).await?,
                    false => {
                        let unreadable =
                            |error| Failure::new(format!("{} cannot be read", file.display())).because(error);
                        import(&client, &service, BufReader::new(File::open(&file).map_err(unreadable)?)).await?
                    }
                };
                Ok(context.output.line(format_args!("{keys} keys of {service} are set"))?)
            }
        }
    }
}

async fn import(client: &Client, service: &ServiceName, mut lines: impl BufRead) -> anyhow::Result<u64> {
    let (mut piece, mut keys) = (Vec::new(), 0);
    loop {
        let begun = piece.len();
        let read = lines.read_until(b'\n', &mut piece)?;
        let rest = if piece.len() > PIECE && begun > 0 { piece.split_off(begun) } else { Vec::new() };
        if !piece.is_empty() && (read == 0 || !rest.is_empty()) {
            keys += client.import_state(service, std::mem::replace(&mut piece, rest)).await?.keys;
        }
        if read == 0 && piece.is_empty() {
            return Ok(keys);
        }
    }
}
