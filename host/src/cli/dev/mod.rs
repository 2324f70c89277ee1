//! `holm dev`: a host that builds what is saved, and swaps it in.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `watch` | what was saved? |
//! | this one | a host, and the loop beside it |
//!
//! The loop is a client like any other: it deploys over the admin API, so that what works here works with
//! `holm deploy`, too.

mod watch;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use semver::BuildMetadata;

use self::watch::Watch;
use super::ago::took;
use super::plan::{self, Plan};
use super::sources::{self, MANIFEST, Project};
use super::{Context, deploy, up};
use crate::admin::client::{Client, Target};
use crate::app::{Addresses, App};

/// Beside the usual, what guests write.
const LOG: &str = "info,holm::guest=debug";

/// Start a host that builds and swaps in whatever is saved
///
/// For the inner loop: the manifest's components are built, and again when a file of their folders or the manifest
/// changes; what comes out is swapped in without a restart. A build that fails leaves the last one serving. Crates are
/// built with cargo, folders with a package.json that has a script `build` with npm, and others with their build.sh;
/// a component that none of them makes is swapped in when it changes itself.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    up: up::Args,
}

impl Args {
    pub(super) async fn run(mut self: Box<Self>, context: &Context) -> anyhow::Result<()> {
        let path = self.up.manifest.take().unwrap_or_else(|| PathBuf::from(MANIFEST));
        let manifest = plan::read_manifest(&path)?;
        if self.up.log.is_none() && context.environment.log.is_none() {
            self.up.log = Some(LOG.to_owned());
        }
        let (config, _flushed_at_the_end) = self.up.begin(up::file_host(&manifest), context)?;
        let data = config.data.clone();
        let app = App::build(config).await?;
        let addresses = app.addresses();
        let target = Target { url: format!("http://{}", addresses.admin), token: None, data };
        let dev = Dev { context, path, client: Client::new(&target)? };
        tokio::select! {
            ended = app.run() => ended,
            failed = dev.follow(addresses) => failed,
        }
    }
}

struct Dev<'a> {
    context: &'a Context,
    path: PathBuf,
    client: Client,
}

impl Dev<'_> {
    /// Builds and deploys everything, and then what changes. Ends only when files cannot be watched.
    async fn follow(&self, addresses: Addresses) -> anyhow::Result<()> {
        let mut projects = self.projects()?;
        let mut watch = Watch::new()?;
        watch.follow(&self.watched(&projects))?;
        self.pass(&projects).await;
        up::ready(self.context, addresses, self.client.services().await?.len())?;
        self.context.output.note(format_args!("watching {}", list(&projects, &self.path)));
        loop {
            let saved = watch.next().await;
            // while the manifest cannot be read, its last projects go on
            projects = self.projects().unwrap_or(projects);
            watch.follow(&self.watched(&projects))?;
            let touched: Vec<_> = projects.iter().filter(|project| project.is_touched(&saved)).cloned().collect();
            self.pass(&touched).await;
        }
    }

    fn projects(&self) -> anyhow::Result<Vec<Project>> {
        Ok(sources::projects(&plan::read_manifest(&self.path)?, &self.path))
    }

    /// Builds these, and deploys what the manifest says then. What goes wrong is shown, and mended by another save.
    async fn pass(&self, projects: &[Project]) {
        let since = Instant::now();
        match self.build_and_deploy(projects).await {
            Ok(0) => {}
            Ok(_) => self.context.output.note(format_args!("saved to served: {}", took(millis(since)))),
            Err(error) => self.context.output.failure(&error),
        }
    }

    /// How many services were swapped.
    async fn build_and_deploy(&self, projects: &[Project]) -> anyhow::Result<usize> {
        for project in projects {
            let (project, output) = (project.clone(), self.context.output);
            tokio::task::spawn_blocking(move || project.build(output)).await.context("the build was given up")??;
        }
        let plan = as_saved(plan::from_manifest(&self.path)?)?;
        let mut deployed = deploy::upload(self.context, &self.client, plan, false).await?;
        deployed.retain(|one| one.changed);
        deploy::show(self.context, &deployed, false)?;
        Ok(deployed.len())
    }

    fn watched(&self, projects: &[Project]) -> BTreeSet<PathBuf> {
        let mut folders: BTreeSet<_> = projects.iter().flat_map(Project::folders).collect();
        folders.insert(sources::folder_of(&self.path));
        folders
    }
}

/// A version stands for the same bytes for ever; what is saved meanwhile says which bytes it is.
fn as_saved(mut plan: Plan) -> anyhow::Result<Plan> {
    for part in &mut plan.services {
        let digest = part.digest.to_string();
        let short: String = digest.chars().skip_while(|c| *c != ':').skip(1).take(8).collect();
        part.version.build = BuildMetadata::new(&format!("dev.{short}"))?;
    }
    Ok(plan)
}

fn list(projects: &[Project], manifest: &Path) -> String {
    let folders = projects.iter().map(|project| project.dir().display().to_string());
    folders.chain([manifest.display().to_string()]).collect::<Vec<_>>().join(", ")
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
