//! `holm routes`: the rules of the gateway, and why a request goes where it goes.

use anyhow::Context as _;
use clap::Subcommand;
use holm_registry::route::{Origin, RouteSpec, explain, sort_by_specificity};
use http::header::{HOST, HeaderName, HeaderValue};
use http::{Method, Request, Uri};

use super::Context;
use super::host::HostArgs;

/// List the gateway rules, the most specific first, or ask which one takes a request
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say which rule takes a request, what each stage would do, and why the others do not take it
    Test(Test),
}

/// No request is made: the rules of the host are gone through here, as the gateway goes through them.
#[derive(Debug, clap::Args)]
struct Test {
    /// GET, POST, …
    method: Method,
    /// `/api/users/7?v=2`, or with a host: `http://shop.example.com/api/users/7`
    url: Uri,
    /// A field of the request, as in `-H "x-beta: 1"`; repeatable
    #[arg(short = 'H', long = "header", value_name = "FIELD: VALUE", value_parser = parse_field)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostArgs,
}

impl Args {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        if let Some(Command::Test(test)) = self.command {
            return test.run(context).await;
        }
        let mut routes = self.host.client(&context.environment)?.routes().await?;
        sort_by_specificity(&mut routes);
        if self.json {
            return context.output.json(&routes);
        }
        let rows = routes.iter().map(row).collect();
        Ok(context.output.table(&["HOST", "METHODS", "PATH", "WHEN", "TARGET", "REWRITE", "STAGES", "FROM"], rows)?)
    }
}

impl Test {
    async fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = self.host.client(&context.environment)?;
        let (routes, settings) = (client.routes().await?, client.gateway().await?);
        let steps = explain(&routes, &settings, &self.request()?);
        if self.json {
            return context.output.json(&steps);
        }
        let rows = steps.into_iter().map(|step| vec![step.stage.to_owned(), step.what]).collect();
        Ok(context.output.table(&["STAGE", "WHAT"], rows)?)
    }

    /// As a client would send it: in origin form, with the host in its field.
    fn request(&self) -> anyhow::Result<Request<()>> {
        let host = self.url.authority().map_or("localhost", |authority| authority.as_str());
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder().method(&self.method).uri(path).header(HOST, host);
        for (name, value) in &self.headers {
            request = if *name == HOST { request } else { request.header(name, value) };
        }
        request.body(()).context("this is no request")
    }
}

fn parse_field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write it as in `x-beta: 1`")?;
    let name = name.trim().parse().map_err(|_| format!("`{name}` is no name of a field"))?;
    let value = value.trim().parse().map_err(|_| format!("`{value}` is no value of a field"))?;
    Ok((name, value))
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
        route.when.to_string(),
        route.target.to_string(),
        route.rewrite.as_ref().map_or_else(String::new, ToString::to_string),
        stages(route),
        from,
    ]
}

/// The stages in front of the target, by what the manifest calls them.
fn stages(route: &RouteSpec) -> String {
    let chain = &route.chain;
    let auth = chain.auth.iter().map(|name| format!("auth {name}"));
    let rate = chain.rate.iter().map(|name| format!("rate {name}"));
    let switches = [(chain.cors.is_some(), "cors"), (chain.compress, "compress"), (!route.policy.is_empty(), "policy")];
    let switches = switches.into_iter().filter(|(is_on, _)| *is_on).map(|(_, name)| name.to_owned());
    auth.chain(rate).chain(switches).collect::<Vec<_>>().join(", ")
}
