//! A host in the process of a test: real gateway, state and events, in a folder of its own and on ports of its own.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `program` | where is `holm`, which compiles the components? |
//! | `ask` | how is a service asked, over HTTP and by its functions? |
//! | `events` | how does a service hear of something, and what does it keep? |
//! | this one | how is a host started, given services, and ended? |
//!
//! ```no_run
//! use holm_testing::TestHost;
//!
//! # fn main() -> holm_testing::Result<()> {
//! let host = TestHost::start()?;
//! host.deploy_manifest("holm.toml")?;
//! assert_eq!(host.get("/greeter/hello/Ada")?.body(), "Hello, Ada!\n");
//! # Ok(())
//! # }
//! ```
//!
//! `holm test` builds the components of a manifest and runs the tests. Nothing here is async: a test waits.

mod ask;
mod events;
mod program;

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use holm::admin::client::{Client, Target};
use holm::app::App;
use holm::cli::plan;
use holm::config::{Environment, FileHost, HostConfig, HostFlags};
use holm::services::Services;
use holm::shutdown::Shutdown;
use holm::telemetry::clock::Clock;
use http_body_util::Full;
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

pub use anyhow::Result;

/// For the drain and the store; a test that waits longer for its end has a request that does not end.
const END: Duration = Duration::from_secs(60);

/// A running host. Ends when it is dropped, and its data with it.
pub struct TestHost {
    runtime: Runtime,
    gateway: String,
    pooled: Pooled<HttpConnector, Full<Bytes>>,
    admin: Client,
    services: Services,
    clock: Clock,
    shutdown: Shutdown,
    running: Option<JoinHandle<Result<()>>>,
    dir: tempfile::TempDir,
}

impl TestHost {
    /// Starts one without services.
    ///
    /// # Errors
    /// When `holm`, which compiles, is not found, or something of the system is missing.
    pub fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let clock = Clock::default();
        let config = config(dir.path(), clock.clone())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let shutdown = Shutdown::new();
        let app = runtime.block_on(App::build(config))?;
        let (addresses, services) = (app.addresses(), app.services().clone());
        let running = runtime.spawn(app.run_until(shutdown.clone()));
        let target = Target { url: format!("http://{}", addresses.admin), token: None, data: dir.path().join("data") };
        let admin = Client::new(&target)?;
        let gateway = format!("http://{}", addresses.gateway);
        let pooled = Pooled::builder(TokioExecutor::new()).build_http();
        Ok(Self { runtime, gateway, pooled, admin, services, clock, shutdown, running: Some(running), dir })
    }

    /// Deploys the services and rules of a manifest; paths in it are relative to it.
    ///
    /// # Errors
    /// Why nothing was deployed.
    pub fn deploy_manifest(&self, path: impl AsRef<Path>) -> Result<()> {
        let plan = plan::from_manifest(path.as_ref())?;
        self.runtime.block_on(self.services.deploy(plan.into_deploy_set()))?;
        Ok(())
    }

    /// Deploys one component with the defaults, reached below `/SERVICE/`. `more`: further lines for its table of the
    /// manifest, such as `config = { currency = "EUR" }`.
    ///
    /// # Errors
    /// Why it was not deployed.
    pub fn deploy(&self, service: &str, component: impl AsRef<Path>, more: &str) -> Result<()> {
        let component = std::path::absolute(component)?;
        let manifest = format!(
            "[app]\nname = \"{service}\"\n[service.{service}]\ncomponent = {:?}\nversion = \"1.0.0\"\n{more}\n\
             [[gateway.route]]\npath = \"/{service}/{{*rest}}\"\nrewrite = \"/{{rest}}\"\nservice = \"{service}\"\n",
            component.display().to_string(),
        );
        let path = self.dir.path().join(format!("{service}.toml"));
        std::fs::write(&path, manifest)?;
        self.deploy_manifest(path)
    }

    /// Where its gateway listens, as `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.gateway
    }

    /// The time of day is later from now on, for all services.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Drains, closes the store and says whether that went well.
    ///
    /// # Errors
    /// When it did not.
    pub fn end(mut self) -> Result<()> {
        self.finish()
    }

    fn finish(&mut self) -> Result<()> {
        let Some(running) = self.running.take() else { return Ok(()) };
        self.shutdown.begin();
        let ended = async { tokio::time::timeout(END, running).await };
        self.runtime.block_on(ended).context("the host does not end")??
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        // a test that wants to know ends the host itself
        let _ended = self.finish();
    }
}

fn config(dir: &Path, clock: Clock) -> Result<HostConfig> {
    let any = Some(([127, 0, 0, 1], 0).into());
    let flags = HostFlags { listen: any, admin: any, data: Some(dir.join("data")), ..HostFlags::default() };
    let config = HostConfig::resolve(flags, FileHost::default(), &Environment::default())?;
    Ok(HostConfig { clock, compiler: program::find()?, drain: Duration::from_secs(5), ..config })
}
