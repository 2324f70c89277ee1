//! The wiring: configuration to a built host, and the host's run. The one file that sees every
//! part and introduces them to each other.
//!
//! Everything that can fail at a start fails in [`App::build`], in this order: the data
//! directory and its lock, the listeners, the store, the engine, the services. Requests wait
//! in the listeners' backlogs until [`App::run`].

mod behind;
mod bus;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use futures::future::join_all;
use holm_registry::artifact::Artifacts;
use holm_registry::catalog::Catalog;
use holm_registry::data_dir::DataDir;
use holm_registry::store::{Store, StoreOptions};
use holm_registry::table::TableCell;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::behind::AllServices;
use crate::admin::{self, AdminState, AdminToken, ConsulState, Listener, Tokens};
use crate::audit::{Action, AuditLog, Entry};
use crate::config::HostConfig;
use crate::discovery::Discovery;
use crate::events::Events;
use crate::events::embedded::{EmbeddedBus, Retention};
use crate::gateway::{Door, Gateway, Limits, Tls, bind, check_settings};
use crate::mesh::policy::Policies;
use crate::mesh::{Mesh, OutsideServices, system_lookup};
use crate::runtime::{CacheKey, Compiling, Revision, Runtime};
use crate::services::{DeployError, DeploySet, Parts, Required, Services, Table};
use crate::shutdown::{Shutdown, Signals, Tasks};
use crate::telemetry::Telemetry;

/// A host that is built and does not serve yet.
pub struct App {
    config: HostConfig,
    /// Held for as long as the host lives: it is the lock.
    _data: DataDir,
    store: Store,
    services: Services,
    events: Events,
    gateway: Arc<ServiceGateway>,
    /// Those of the gateway.
    listeners: Vec<TcpListener>,
    tls: Option<Arc<Tls>>,
    admin: (TcpListener, AdminState),
    /// The listener for clients of Consul's agent, where there is one.
    discovery: Option<(TcpListener, Listener)>,
    addresses: Addresses,
    tasks: Tasks,
}

/// Where a host listens, with the real ports.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// What the gateway speaks: `http` or `https`.
    pub scheme: &'static str,
    /// The gateway.
    pub gateway: SocketAddr,
    /// The admin API.
    pub admin: SocketAddr,
    /// Discovery, when it has a listener of its own.
    pub discovery: Option<SocketAddr>,
    /// The gateway for gRPC, when that has a listener of its own.
    pub grpc: Option<SocketAddr>,
}

type ServiceGateway = Gateway<AllServices>;

impl App {
    /// Opens the data directory, binds the listeners and brings every service back.
    ///
    /// # Errors
    /// What is in the way, and what to do about it.
    pub async fn build(config: HostConfig) -> anyhow::Result<Self> {
        let data = DataDir::open(&config.data)?;
        let token = AdminToken::load_or_create(data.path())?;
        let audit = AuditLog::open(&data.audit_log()).context("cannot use audit.log in the data directory")?;
        let listener = bind(config.listen, "--listen")?;
        let admin_listener = bind(config.admin, "--admin")?;
        let discovery_listener = config.discovery.listen.map(|address| bind(address, "--discovery")).transpose()?;
        let grpc_listener = config.grpc.map(|address| bind(address, "--grpc")).transpose()?;
        let tls = config.tls.clone().map(|settings| Tls::open(settings, data.path())).transpose()?;
        let addresses = Addresses {
            scheme: if tls.is_some() { "https" } else { "http" },
            gateway: listener.local_addr()?,
            admin: admin_listener.local_addr()?,
            discovery: discovery_listener.as_ref().map(TcpListener::local_addr).transpose()?,
            grpc: grpc_listener.as_ref().map(TcpListener::local_addr).transpose()?,
        };
        let telemetry = Telemetry::with_clock(config.clock.clone());
        let tasks = Tasks::new();
        let opened = open(&data, &config, token, &telemetry, &tasks).await?;
        let table = Arc::new(TableCell::new());
        let policies = Arc::new(Policies::new(telemetry.metrics.clone()));
        let mesh = Mesh::new(Arc::clone(&table), opened.discovery.clone(), system_lookup(), Arc::clone(&policies));
        let outside = mesh.outside().clone();
        let runtime = runtime(&data, &config, opened.store.clone(), mesh, &telemetry, &tasks)?;
        let gateway = gateway(&config, &telemetry, outside.clone(), Arc::clone(&policies));
        let chosen = bus::chosen(&config, &opened, &table, &telemetry).await?;
        let (events, discovery) = (bus::events(chosen, &opened, &table, &telemetry, &tasks), opened.discovery.clone());
        let doors =
            Doors { gateway: Arc::clone(&gateway), events: events.clone(), discovery, outside, table, policies };
        let services = services(&config, opened.artifacts, opened.catalog, runtime, &telemetry, &tasks, doors);
        services.boot().await;
        events.start(services.list().into_iter().map(|status| status.service).collect());
        let stop = CancellationToken::new();
        let (tokens, discovery) = (Arc::new(opened.tokens), opened.discovery);
        let discovery_door = discovery_listener.zip(access(&config, addresses, &tokens));
        let state = AdminState {
            services: services.clone(),
            logs: telemetry.logs.clone(),
            metrics: telemetry.metrics.clone(),
            tokens,
            consul: ConsulState::new(discovery.clone(), services.clone(), addresses.gateway, stop.clone()),
            discovery,
            events: events.clone(),
            store: opened.store.clone(),
            audit,
            tasks: tasks.clone(),
            address: addresses.admin,
            component_limit: config.component_limit,
            stop,
        };
        let admin = (admin_listener, state);
        let (store, discovery) = (opened.store, discovery_door);
        let listeners = std::iter::once(listener).chain(grpc_listener).collect();
        let tls = tls.map(Arc::new);
        Ok(Self {
            config,
            _data: data,
            store,
            services,
            events,
            gateway,
            listeners,
            tls,
            admin,
            discovery,
            addresses,
            tasks,
        })
    }

    /// Deploys what the host is to begin with, before it serves.
    ///
    /// # Errors
    /// Why nothing was deployed.
    pub async fn deploy(&self, set: DeploySet) -> Result<(), DeployError> {
        let subjects = admin::subjects(&set).await;
        let refused = self.services.deploy(set).await.err();
        let reason = refused.as_ref().map(ToString::to_string);
        let entry = |subject| Entry::now(Some("manifest"), "start", Action::Deploy, subject, reason.as_deref());
        self.admin.1.audit.write(subjects.into_iter().map(entry).collect()).await;
        refused.map_or(Ok(()), Err)
    }

    /// The services, to look at before the host serves.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Serves until SIGTERM or SIGINT, drains, and closes the store.
    ///
    /// # Errors
    /// When the signals cannot be caught, or the store fails at its end.
    pub async fn run(self) -> anyhow::Result<()> {
        let shutdown = Shutdown::new();
        let signals = Signals::catch().context("cannot catch SIGTERM and SIGINT")?;
        // watched to the very end, so that a second signal leaves at once whatever is under way
        let watching = Tasks::new().spawn("signals", signals.run(shutdown.clone(), || std::process::exit(1)));
        let closed = self.run_until(shutdown).await;
        watching.abort();
        closed
    }

    /// Serves until the shutdown begins, drains, and closes the store.
    ///
    /// # Errors
    /// When the store fails at its end.
    pub async fn run_until(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let background = self.start_background();
        let (admin_listener, admin_state) = self.admin;
        if let Some((listener, access)) = self.discovery {
            self.tasks.spawn("discovery", admin::serve_discovery(listener, access, admin_state.consul.clone()));
        }
        let stop_admin = admin_state.stop.clone();
        let admin = self.tasks.spawn("admin", admin::serve(admin_listener, admin_state));
        let gateway = Arc::clone(&self.gateway);
        let serving = self.listeners.into_iter().map(|listener| {
            let gateway = Arc::clone(&gateway);
            let limits = limits(&self.config);
            let door = Door::new(listener, limits, "gateway connections", &self.tasks, shutdown.clone());
            let door = match &self.tls {
                Some(tls) => door.with_tls(Arc::clone(tls)),
                None => door,
            };
            door.serve(move |request, peer| {
                let gateway = Arc::clone(&gateway);
                async move { gateway.handle(request, peer).await }
            })
        });
        let delivering = async {
            shutdown.draining().await;
            self.gateway.end_watches();
            self.events.stop();
            self.events.drained(Instant::now() + self.config.drain).await;
        };
        let (drained, ()) = tokio::join!(join_all(serving), delivering);
        let cut_off: usize = drained.iter().map(|drained| drained.cut_off).sum();
        if cut_off > 0 {
            tracing::warn!(connections = cut_off, "the drain's deadline passed; connections were cut off");
        }
        shutdown.stop();
        stop_admin.cancel();
        background.cancel();
        if let Ok(Err(error)) = admin.await {
            tracing::warn!(%error, "the admin API ended badly");
        }
        if let Err(still_running) = self.tasks.wait(Instant::now() + self.config.drain).await {
            tracing::warn!("{still_running}");
        }
        self.services.stop_compiling();
        self.store.close().await.context("the store did not close cleanly")
    }

    fn start_background(&self) -> CancellationToken {
        let stop = CancellationToken::new();
        let (services, token) = (self.services.clone(), stop.clone());
        let (consul, discovery) = (self.admin.1.consul.clone(), self.admin.1.discovery.clone());
        let (gateway, until_stop) = (Arc::clone(&self.gateway), stop.clone());
        self.tasks.spawn("keys of issuers", async move {
            let _ = until_stop.run_until_cancelled(gateway.keep_keys()).await;
        });
        if let Some(tls) = self.tls.clone() {
            let until = stop.clone();
            self.tasks.spawn("certificates", async move {
                let _ = until.run_until_cancelled(tls.follow()).await;
            });
        }
        let until = stop.clone();
        self.tasks.spawn("health of outside services", async move {
            let work = async { tokio::join!(discovery.check_forever(), consul.follow_services()) };
            let _ = until.run_until_cancelled(work).await;
        });
        self.tasks.spawn("idle instances and health", async move {
            let work = async {
                services.warm_all().await;
                tokio::join!(services.sweep_forever(), services.probe_forever(), services.forget_answers_forever());
            };
            let _ = token.run_until_cancelled(work).await;
        });
        stop
    }
}

struct Opened {
    store: Store,
    artifacts: Artifacts,
    catalog: Catalog,
    tokens: Tokens,
    discovery: Discovery,
    embedded: EmbeddedBus,
}

/// Reading a large store takes a while and blocks.
async fn open(
    data: &DataDir,
    config: &HostConfig,
    token: AdminToken,
    telemetry: &Telemetry,
    tasks: &Tasks,
) -> anyhow::Result<Opened> {
    let (store, artifacts) = (data.store(), data.artifacts());
    let (discovery, metrics) = (config.discovery.clone(), telemetry.metrics.discovery().clone());
    let (tasks, on_nats) = (tasks.clone(), config.nats.is_some());
    let work = move || -> anyhow::Result<Opened> {
        let retention = Retention::default();
        // what waits for a broker has a limit of its own
        let of_embedded = StoreOptions { backlog: retention.room(), ..StoreOptions::default() };
        let store = Store::open(&store, &if on_nats { StoreOptions::default() } else { of_embedded })?;
        let embedded = EmbeddedBus::open(store.clone(), retention)?;
        let artifacts = Artifacts::open(&artifacts)?;
        let catalog = Catalog::load(store.clone())?;
        let tokens = Tokens::load(store.clone(), token)?;
        let discovery = Discovery::load(store.clone(), &discovery, metrics, tasks)?;
        Ok(Opened { store, artifacts, catalog, tokens, discovery, embedded })
    };
    tokio::task::spawn_blocking(work).await.context("opening the store ended early")?
}

fn runtime(
    data: &DataDir,
    config: &HostConfig,
    store: Store,
    mesh: Mesh,
    telemetry: &Telemetry,
    tasks: &Tasks,
) -> anyhow::Result<Runtime> {
    let key = CacheKey::load_or_create(&data.compile_key())?;
    let limits = config.compile;
    let compiling = Compiling { cache: &data.compiled(), key, program: config.compiler.clone(), limits };
    let runtime = Runtime::new(compiling, config.places, store, Arc::new(mesh), telemetry.clone(), tasks.clone());
    runtime.context("cannot start the engine")
}

/// Who may ask on the listener of discovery.
fn access(config: &HostConfig, addresses: Addresses, tokens: &Arc<Tokens>) -> Option<Listener> {
    let address = addresses.discovery?;
    Some(Listener { address, token: config.discovery.token.clone(), tokens: Arc::clone(tokens) })
}

fn limits(config: &HostConfig) -> Limits {
    let own = Limits { body: config.body_limit.as_u64(), drain: config.drain, ..Limits::default() };
    own.with(&config.limits)
}

fn gateway(
    config: &HostConfig,
    telemetry: &Telemetry,
    outside: OutsideServices,
    policies: Arc<Policies>,
) -> Arc<ServiceGateway> {
    let empty = AllServices::of(&Arc::new(Table::empty()), outside);
    Arc::new(Gateway::new(limits(config), empty, telemetry.metrics.clone(), policies, None))
}

/// What services share with the other parts: who is told of every new table, and what calls go by.
struct Doors {
    gateway: Arc<ServiceGateway>,
    events: Events,
    discovery: Discovery,
    outside: OutsideServices,
    table: Arc<TableCell<Revision>>,
    policies: Arc<Policies>,
}

fn services(
    config: &HostConfig,
    artifacts: Artifacts,
    catalog: Catalog,
    runtime: Runtime,
    telemetry: &Telemetry,
    tasks: &Tasks,
    doors: Doors,
) -> Services {
    let parts = Parts {
        runtime,
        artifacts,
        catalog,
        telemetry: telemetry.clone(),
        tasks: tasks.clone(),
        table: doors.table.clone(),
        policies: doors.policies.clone(),
        component_limit: config.component_limit as u64,
        required: Required::new(config.require_signature.clone()),
        drain: config.drain,
        check_gateway: Box::new(check_settings),
    };
    Services::new(
        parts,
        Box::new(move |table| {
            doors.discovery.set_externals(&table.externals);
            // all that can be wrong is refused before a table is made: this is a mistake of ours
            let behind = AllServices::of(table, doors.outside.clone());
            if let Err(reasons) = doors.gateway.publish(&table.routes, &table.gateway, behind) {
                tracing::error!(?reasons, "the gateway keeps its old rules");
            }
            doors.events.follow(table);
            let events = doors.events.clone();
            Box::pin(async move { events.confirmed().await })
        }),
    )
}
