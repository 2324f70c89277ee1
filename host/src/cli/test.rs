//! `holm test`: the tests of a service, with its component built and a host at hand.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{Context, plan, sources};

/// Build the components of a manifest and run the tests of their folders
///
/// Crates are tested with `cargo test`, folders with a package.json that has a script `build` with `npm test`, and those
/// with a build.sh with their test.sh, if there is one. Tests that use the crate holm-testing start a host in their own
/// process, with real state and events.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The manifest
    #[arg(default_value = "holm.toml")]
    manifest: PathBuf,
    /// Further arguments for `cargo test`, npm's script `test` or test.sh
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

impl Args {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let projects = sources::projects(&plan::read_manifest(&self.manifest)?, &self.manifest);
        for project in &projects {
            context.output.note(format_args!("building {}", project.dir().display()));
            project.build(context.output)?;
        }
        for project in &projects {
            context.output.note(format_args!("testing {}", project.dir().display()));
            project.test(&self.arguments)?;
        }
        Ok(())
    }
}
