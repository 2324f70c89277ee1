//! `holm routes`.

use holm_registry::route::{Origin, RouteSpec, sort_by_specificity};

use super::Context;
use super::host::HostArgs;

/// List the gateway rules, the most specific first
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let mut routes = self.host.client(&context.environment)?.routes().await?;
        sort_by_specificity(&mut routes);
        if self.json {
            return context.output.json(&routes);
        }
        let rows = routes.iter().map(row).collect();
        Ok(context.output.table(&["HOST", "METHODS", "PATH", "TARGET", "REWRITE", "FROM"], rows)?)
    }
}

fn row(route: &RouteSpec) -> Vec<String> {
    let methods: Vec<_> = route.methods.iter().map(|method| method.as_str()).collect();
    let from = match &route.origin {
        Origin::Manifest(app) => format!("app {app}"),
        Origin::Service(_) => "default".to_owned(),
    };
    vec![
        route.host.as_ref().map_or_else(|| "any".to_owned(), ToString::to_string),
        if methods.is_empty() { "any".to_owned() } else { methods.join(",") },
        route.path.to_string(),
        route.target.to_string(),
        route.rewrite.as_ref().map_or_else(String::new, ToString::to_string),
        from,
    ]
}
