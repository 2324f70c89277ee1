//! `holm completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Context};

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which shell
    shell: Shell,
}

impl Args {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "holm", &mut script);
        Ok(context.output.raw(&script)?)
    }
}
