//! The command line: one file per subcommand, this file only dispatches.
//!
//! stdout is data, stderr is progress; `output` is the only printer. The exit code is 0 when it is
//! done, 1 when it failed and 2 when it was called in a wrong way.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `up` … `completions` | what does this subcommand do? |
//! | `check_components` | can the components of a manifest be deployed together? |
//! | `compile_worker` | what does the host start for each compilation? |
//! | `compile_limits` | what may compiling take? |
//! | `sources` | where does a component of a manifest come from, and how is it built and tested? |
//! | `host` | which host is meant, and with which token? |
//! | `signature_file` | how does a signature lie beside its component? |
//! | [`plan`] | what do a manifest and its components become? |
//! | [`output`], `failure`, `ago` | how is it shown? |

mod ago;
mod audit;
mod build;
mod call;
mod calls;
mod check;
mod check_components;
mod compile_limits;
mod compile_worker;
mod completions;
mod deploy;
mod dev;
mod events;
mod export;
mod failure;
mod host;
mod inspect;
mod keys;
mod limits;
mod logs;
mod new;
pub mod output;
pub mod plan;
mod remove;
mod revisions;
mod rollback;
mod routes;
mod services;
mod signature_file;
mod sources;
mod state;
mod test;
mod token;
mod up;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Environment, called_to_compile};
use failure::UsageError;
use output::Output;

/// A host for microservices built as WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "holm", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Args),
    Dev(Box<dev::Args>),
    Test(test::Args),
    New(new::Args),
    Build(build::Args),
    Deploy(deploy::Args),
    Services(services::Args),
    Revisions(revisions::Args),
    Rollback(rollback::Args),
    Remove(remove::Args),
    Routes(routes::Args),
    Inspect(inspect::Args),
    Call(call::Args),
    Calls(calls::Args),
    Events(events::Args),
    Export(export::Args),
    State(state::Args),
    Logs(logs::Args),
    Audit(audit::Args),
    Token(token::Args),
    Check(check::Args),
    Keys(keys::Args),
    Completions(completions::Args),
}

/// What every subcommand works with.
#[derive(Debug)]
struct Context {
    environment: Environment,
    output: Output,
}

/// Reads the arguments of this process and does what they say.
pub fn main() -> ExitCode {
    let environment = Environment::read();
    let output = Output::new(environment.no_color);
    let context = Context { environment, output };
    // before the arguments are looked at: what only a host calls is nobody's subcommand
    let done = if called_to_compile() { compile_worker::run(&context) } else { parse_and_run(&context) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // `holm logs | head`: whoever reads has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => match error.downcast::<clap::Error>() {
            Ok(usage) => context.output.usage(&usage),
            Err(error) => {
                context.output.failure(&error);
                ExitCode::from(if error.is::<UsageError>() { 2 } else { 1 })
            }
        },
    }
}

fn parse_and_run(context: &Context) -> anyhow::Result<()> {
    run(Cli::try_parse()?.command, context)
}

fn run(command: Command, context: &Context) -> anyhow::Result<()> {
    match command {
        Command::Up(args) => workers()?.block_on(args.run(context)),
        Command::Dev(args) => workers()?.block_on(args.run(context)),
        Command::Test(args) => args.run(context),
        Command::New(args) => args.run(context),
        Command::Build(args) => args.run(context),
        Command::Check(args) => client()?.block_on(args.run(context)),
        Command::Keys(args) => args.run(context),
        Command::Export(args) => args.run(context),
        Command::Completions(args) => args.run(context),
        Command::Deploy(args) => client()?.block_on(args.run(context)),
        Command::Services(args) => client()?.block_on(args.run(context)),
        Command::Revisions(args) => client()?.block_on(args.run(context)),
        Command::Rollback(args) => client()?.block_on(args.run(context)),
        Command::Remove(args) => client()?.block_on(args.run(context)),
        Command::Routes(args) => client()?.block_on(args.run(context)),
        Command::Inspect(args) => client()?.block_on(args.run(context)),
        Command::Call(args) => client()?.block_on(args.run(context)),
        Command::Calls(args) => client()?.block_on(args.run(context)),
        Command::Events(args) => client()?.block_on(args.run(context)),
        Command::State(args) => client()?.block_on(args.run(context)),
        Command::Logs(args) => client()?.block_on(args.run(context)),
        Command::Audit(args) => client()?.block_on(args.run(context)),
        Command::Token(args) => client()?.block_on(args.run(context)),
    }
}

/// For the host: a worker for each core, and never one alone, which a guest could hold.
fn workers() -> io::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread().worker_threads(cores.max(2)).enable_all().thread_name("holm").build()
}

/// For a client, which waits for one answer: no threads.
fn client() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;

    /// What is given more than once in a command or one below it: an id, under which clap keeps what was written, or
    /// a name. clap's own check is not in our builds, which have the assertions of dependencies off.
    fn given_twice(command: &clap::Command) -> Vec<String> {
        let names = command.get_arguments().flat_map(|argument| {
            let long = argument.get_long().map(|long| format!("--{long}"));
            let short = argument.get_short().map(|short| format!("-{short}"));
            [Some(argument.get_id().to_string()), long, short].into_iter().flatten()
        });
        let mut seen = BTreeSet::new();
        let twice =
            names.filter(|name| !seen.insert(name.clone())).map(|name| format!("{}: {name}", command.get_name()));
        twice.chain(command.get_subcommands().flat_map(given_twice)).collect()
    }

    #[test]
    fn one_argument_is_taken_for_another() {
        let mut cli = Cli::command();
        cli.build();
        assert_eq!(given_twice(&cli), Vec::<String>::new());
    }

    #[test]
    fn a_payload_is_taken_for_the_data_directory() {
        let publish = ["holm", "events", "publish", "orders.created", "{}", "--data", "elsewhere"];
        assert!(Cli::try_parse_from(publish).is_ok());
    }
}
