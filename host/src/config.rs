//! What the user wrote, checked: the only file that reads the environment.
//!
//! A flag wins over the manifest's `[host]`, which wins over the defaults here; where there is a
//! variable (`HOLM_DATA`, `HOLM_LOG`, …) it stands between flag and default. Every default and limit of the host stands in this file,
//! each with its reason; those of a service stand in the registry's `settings`.

mod compile;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use holm_registry::discovery::settings::DiscoverySettings;
use holm_registry::event::nats::{NatsLogin, NatsSettings};
use holm_registry::gateway::{DoorLimits, TlsSettings};
use holm_registry::signature::PublicKey;
use holm_registry::units::ByteSize;

pub use compile::{CompileLimits, WORKER_COMMAND, called_to_compile, compiler, this_program};

use crate::telemetry::clock::Clock;
use crate::telemetry::init::{DEFAULT_FILTER, InitError, LogFormat, parse_filter};

/// Where the gateway listens: on this machine alone, until somebody decides otherwise.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Where the admin API listens. Whoever may deploy may run code here, so: this machine alone.
pub const DEFAULT_ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7070);
/// The data directory: beside the project, so that two projects do not share state by accident.
pub const DEFAULT_DATA: &str = ".holm";
/// The largest request body of a gateway rule: forms and JSON fit, and a thousand connections that
/// each send one hold no more than a gibibyte.
pub const DEFAULT_BODY_LIMIT: ByteSize = ByteSize::mib(1);
/// How long a drain waits: what the stop of a container or a service manager usually allows.
pub const DEFAULT_DRAIN: Duration = Duration::from_secs(30);
/// The largest component: JavaScript and Python engines take 13 to 18 MB, some carry a model or a
/// data set; more than that does not compile in a time that a deployer waits for.
pub const COMPONENT_LIMIT: usize = 64 << 20;
/// All components of one deployment together: it is held in memory until it is live.
pub const DEPLOYMENT_LIMIT: usize = 1 << 30;

/// Places for instances, of all services together: a thousand services that each keep one, and as
/// many again for those that have much to do. Each reserves 5 GiB of address space, of which x86-64
/// has 128 TiB for a process, and costs nothing while it is free.
pub const DEFAULT_PLACES: u32 = 2_000;
/// From what one service may have by default, with the reserve, to three quarters of the address space.
pub const PLACES: RangeInclusive<u32> = 100..=20_000;

/// The file in the data directory that holds the admin token.
pub const TOKEN_FILE: &str = "admin-token";

/// What the environment says. Read once, at the start.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `HOLM_ADMIN_URL`: where client commands find the host.
    pub admin_url: Option<String>,
    /// `HOLM_TOKEN`: the admin token of client commands.
    pub token: Option<String>,
    /// `HOLM_DATA`: the data directory.
    pub data: Option<PathBuf>,
    /// `HOLM_LOG`: the log filter.
    pub log: Option<String>,
    /// `NO_COLOR` is set to something (<https://no-color.org>).
    pub no_color: bool,
}

impl Environment {
    /// Reads the variables of this process. An empty one counts as not set.
    pub fn read() -> Self {
        Self {
            admin_url: variable("HOLM_ADMIN_URL"),
            token: variable("HOLM_TOKEN"),
            data: variable("HOLM_DATA").map(PathBuf::from),
            log: variable("HOLM_LOG"),
            no_color: variable("NO_COLOR").is_some(),
        }
    }

    /// The data directory of a command: its flag, the environment, the default.
    pub fn data_dir(&self, flag: Option<PathBuf>) -> PathBuf {
        flag.or_else(|| self.data.clone()).unwrap_or_else(|| PathBuf::from(DEFAULT_DATA))
    }
}

/// One variable, for `${NAME}` in a manifest. `None` when it is not set, empty or not text.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What `holm up` was told on the command line.
#[derive(Clone, Debug, Default)]
pub struct HostFlags {
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--admin`.
    pub admin: Option<SocketAddr>,
    /// `--discovery`.
    pub discovery: Option<SocketAddr>,
    /// `--grpc`.
    pub grpc: Option<SocketAddr>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--log`.
    pub log: Option<String>,
    /// `--log-format`.
    pub log_format: Option<LogFormat>,
    /// `--compile-cpu`, `--compile-timeout`, `--compile-memory`.
    pub compile: CompileLimits,
    /// `--require-signature`.
    pub require_signature: Vec<PublicKey>,
    /// `--places`.
    pub places: Option<u32>,
    /// `--nats`.
    pub nats: Option<NatsSettings>,
}

/// What the manifest's `[host]`, `[gateway]`, `[deploy]` and `[discovery]` say about the host itself.
#[derive(Clone, Debug, Default)]
pub struct FileHost {
    /// `listen`.
    pub listen: Option<SocketAddr>,
    /// `admin`.
    pub admin: Option<SocketAddr>,
    /// `grpc`.
    pub grpc: Option<SocketAddr>,
    /// `body_limit` of `[gateway]`.
    pub body_limit: Option<ByteSize>,
    /// `[gateway.tls]`.
    pub tls: Option<TlsSettings>,
    /// `[gateway.limits]`.
    pub limits: DoorLimits,
    /// `[discovery]`.
    pub discovery: DiscoverySettings,
    /// `require_signature` of `[deploy]`.
    pub require_signature: Vec<PublicKey>,
    /// `[nats]`.
    pub nats: Option<NatsSettings>,
}

/// Everything the host is started with.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// The gateway's address; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The admin API's address; port 0 lets the system choose.
    pub admin: SocketAddr,
    /// Where the gateway listens a second time, if it does.
    pub grpc: Option<SocketAddr>,
    /// How the gateway speaks TLS; `None`: not at all.
    pub tls: Option<TlsSettings>,
    /// What one client may take of the gateway.
    pub limits: DoorLimits,
    /// How services that are not Wasm are found.
    pub discovery: DiscoverySettings,
    /// The data directory.
    pub data: PathBuf,
    /// Largest request body of gateway rules that have no limit of their own.
    pub body_limit: ByteSize,
    /// How long a drain may take, of one revision or of the whole host.
    pub drain: Duration,
    /// Bytes of one component.
    pub component_limit: usize,
    /// What compiling one component may take.
    pub compile: CompileLimits,
    /// The program that compiles: `holm`, of the same build as this one.
    pub compiler: PathBuf,
    /// What services take for the time.
    pub clock: Clock,
    /// Places for instances.
    pub places: u32,
    /// Components need a signature of one of these keys; of none when there are none.
    pub require_signature: Vec<PublicKey>,
    /// The broker that events go over; `None`: the embedded bus.
    pub nats: Option<NatsSettings>,
    /// Which log lines are written.
    pub log: String,
    /// How they look.
    pub log_format: LogFormat,
}

/// Why a host cannot be started as asked.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Both listeners want the same port.
    #[error("the gateway and the admin API both want {0}; give one of them another port with --listen or --admin")]
    SameAddress(SocketAddr),
    /// Another listener wants the port of discovery.
    #[error("another listener wants {0}, too; give discovery another port with --discovery")]
    DiscoveryTaken(SocketAddr),
    /// The log filter is wrong.
    #[error(transparent)]
    Log(#[from] InitError),
}

impl HostConfig {
    /// Puts flags, manifest, environment and defaults together.
    pub fn resolve(flags: HostFlags, file: FileHost, environment: &Environment) -> Result<Self, ConfigError> {
        let listen = flags.listen.or(file.listen).unwrap_or(DEFAULT_LISTEN);
        let admin = flags.admin.or(file.admin).unwrap_or(DEFAULT_ADMIN);
        if listen == admin && listen.port() != 0 {
            return Err(ConfigError::SameAddress(listen));
        }
        let discovery = DiscoverySettings { listen: flags.discovery.or(file.discovery.listen), ..file.discovery };
        if let Some(taken) = discovery.listen.filter(|own| own.port() != 0 && (*own == listen || *own == admin)) {
            return Err(ConfigError::DiscoveryTaken(taken));
        }
        let log = flags.log.or_else(|| environment.log.clone()).unwrap_or_else(|| DEFAULT_FILTER.to_owned());
        parse_filter(&log)?;
        Ok(Self {
            listen,
            admin,
            grpc: flags.grpc.or(file.grpc),
            tls: file.tls,
            limits: file.limits,
            discovery,
            data: environment.data_dir(flags.data),
            body_limit: file.body_limit.unwrap_or(DEFAULT_BODY_LIMIT),
            drain: DEFAULT_DRAIN,
            component_limit: COMPONENT_LIMIT,
            compile: flags.compile,
            compiler: compiler(),
            clock: Clock::default(),
            places: flags.places.unwrap_or(DEFAULT_PLACES),
            require_signature: match flags.require_signature.is_empty() {
                true => file.require_signature,
                false => flags.require_signature,
            },
            nats: nats(flags.nats, file.nats),
            log,
            log_format: flags.log_format.unwrap_or(LogFormat::Text),
        })
    }

    /// What the operator should know about this configuration, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.admin.ip().is_loopback() {
            warnings.push(format!(
                "the admin API listens on {}, not only on this machine: whoever reaches it and has the token may run \
                 code here, and the token travels unencrypted; put TLS in front of it or use --admin 127.0.0.1:{}",
                self.admin,
                self.admin.port()
            ));
        }
        if let (Some(listen), None) = (self.discovery.listen, &self.discovery.token)
            && !listen.ip().is_loopback()
        {
            warnings.push(format!(
                "discovery listens on {listen}, not only on this machine, and without a token: whoever reaches it may \
                 take the place of a service; set `[discovery] token`"
            ));
        }
        warnings
    }
}

/// The servers of the flag, with the manifest's login and certificates where the flag says none.
fn nats(flag: Option<NatsSettings>, file: Option<NatsSettings>) -> Option<NatsSettings> {
    let Some(flag) = flag else { return file };
    let Some(file) = file else { return Some(flag) };
    let login = if flag.login == NatsLogin::None { file.login } else { flag.login };
    Some(NatsSettings { servers: flag.servers, login, tls: file.tls })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_for_nats_forgets_the_login_of_the_manifest() {
        let settings = |text: &str| Some(text.parse::<NatsSettings>().unwrap());
        let file = settings("nats://holm:secret@one");
        let both = nats(settings("nats://two"), file.clone()).unwrap();
        assert_eq!((both.to_string().as_str(), both.login == file.clone().unwrap().login), ("nats://two:4222", true));
        assert_eq!(nats(settings("nats://token@two"), file.clone()), settings("nats://token@two"));
        assert_eq!((nats(None, file.clone()), nats(None, None)), (file, None));
    }

    fn resolve(flags: HostFlags, file: FileHost, environment: &Environment) -> HostConfig {
        HostConfig::resolve(flags, file, environment).unwrap()
    }

    #[test]
    fn the_manifest_wins_over_a_flag() {
        let flags = HostFlags { listen: Some("127.0.0.1:1".parse().unwrap()), ..HostFlags::default() };
        let file = FileHost {
            listen: Some("127.0.0.1:2".parse().unwrap()),
            admin: Some("127.0.0.1:3".parse().unwrap()),
            ..FileHost::default()
        };
        let config = resolve(flags, file, &Environment::default());
        assert_eq!((config.listen.port(), config.admin.port()), (1, 3));
    }

    #[test]
    fn without_any_setting_the_host_listens_to_the_whole_network() {
        let config = resolve(HostFlags::default(), FileHost::default(), &Environment::default());
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.admin.to_string(), "127.0.0.1:7070");
        assert_eq!(config.data, PathBuf::from(".holm"));
        assert!(config.warnings().is_empty());
    }

    #[test]
    fn an_open_admin_api_is_not_warned_about() {
        let flags = HostFlags { admin: Some("0.0.0.0:7070".parse().unwrap()), ..HostFlags::default() };
        let config = resolve(flags, FileHost::default(), &Environment::default());
        assert!(config.warnings().concat().contains("--admin 127.0.0.1:7070"), "{:?}", config.warnings());
    }

    #[test]
    fn open_discovery_is_not_warned_about() {
        let flags = HostFlags { discovery: Some("0.0.0.0:8500".parse().unwrap()), ..HostFlags::default() };
        let config = resolve(flags, FileHost::default(), &Environment::default());
        assert!(config.warnings().concat().contains("[discovery] token"), "{:?}", config.warnings());
        let flags = HostFlags { discovery: Some(DEFAULT_ADMIN), ..HostFlags::default() };
        let error = HostConfig::resolve(flags, FileHost::default(), &Environment::default()).unwrap_err();
        assert!(error.to_string().contains("with --discovery"), "{error}");
    }

    #[test]
    fn both_doors_on_one_port_fail_without_saying_why() {
        let same = Some("127.0.0.1:7070".parse().unwrap());
        let flags = HostFlags { listen: same, ..HostFlags::default() };
        let error = HostConfig::resolve(flags, FileHost::default(), &Environment::default()).unwrap_err();
        assert!(error.to_string().contains("both want 127.0.0.1:7070"), "{error}");
    }

    #[test]
    fn port_zero_counts_as_the_same_port() {
        let any = Some("127.0.0.1:0".parse().unwrap());
        let flags = HostFlags { listen: any, admin: any, ..HostFlags::default() };
        assert!(HostConfig::resolve(flags, FileHost::default(), &Environment::default()).is_ok());
    }

    #[test]
    fn holm_data_wins_over_the_flag() {
        let environment = Environment { data: Some("from-env".into()), ..Environment::default() };
        assert_eq!(environment.data_dir(Some("from-flag".into())), PathBuf::from("from-flag"));
        assert_eq!(environment.data_dir(None), PathBuf::from("from-env"));
    }
}
