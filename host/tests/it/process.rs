//! The program under test: run to its end, or as a host that is killed when it goes out of scope.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::door::PATIENCE;

/// `holm` in `dir`, with an environment that holds nothing of the person who runs the tests.
pub(crate) fn holm(dir: &Path) -> Command {
    let mut command = Command::new(program());
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["HOLM_ADMIN_URL", "HOLM_TOKEN", "HOLM_DATA", "HOLM_LOG", "NO_COLOR"] {
        command.env_remove(name);
    }
    command
}

/// A link to the program that this test was built with: `scripts/up`, which the test of the README
/// runs, puts its own build in the place where cargo left it.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let link = Path::new(env!("CARGO_TARGET_TMPDIR")).join("holm");
        let _of_an_older_build = std::fs::remove_file(&link);
        std::fs::hard_link(env!("CARGO_BIN_EXE_holm"), &link).unwrap();
        link
    })
}

/// Runs `holm` with these arguments to its end.
pub(crate) fn run(dir: &Path, arguments: &[&str]) -> Output {
    holm(dir).args(arguments).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A running host.
pub(crate) struct Host {
    child: Child,
    /// `127.0.0.1:PORT` of the gateway.
    pub(crate) gateway: String,
    /// `127.0.0.1:PORT` of the admin API.
    pub(crate) admin: String,
    /// `IP:PORT` of discovery, when it has a listener of its own.
    pub(crate) discovery: Option<String>,
    /// `IP:PORT` of the gateway for gRPC, when that has a listener of its own.
    pub(crate) grpc: Option<String>,
    /// Its data directory is `.holm` in here.
    pub(crate) dir: tempfile::TempDir,
}

impl Host {
    /// Starts one without services and waits until it says that it is ready.
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), &[])
    }

    /// Starts one in a folder, with further arguments for `holm up`.
    pub(crate) fn start_in(dir: tempfile::TempDir, arguments: &[&str]) -> Self {
        let command = holm(dir.path());
        Self::launch(command, dir, arguments)
    }

    /// Starts one with variables in its environment.
    pub(crate) fn start_with_env(variables: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = holm(dir.path());
        command.envs(variables.iter().copied());
        Self::launch(command, dir, &[])
    }

    /// Starts one that may write no file larger than `blocks` (512 bytes or 1 KiB each, by shell).
    pub(crate) fn start_with_file_limit(blocks: u32) -> Self {
        Self::start_after(&format!("trap '' XFSZ; ulimit -f {blocks}"))
    }

    /// Starts one that inherits an open file it knows nothing of.
    pub(crate) fn start_with_open_file(path: &Path) -> Self {
        Self::start_after(&format!("exec 7<'{}'", path.display()))
    }

    /// Starts one from a shell, after these commands.
    fn start_after(commands: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let holm = holm(dir.path());
        let mut command = Command::new("sh");
        let script = format!("{commands}; exec \"$0\" \"$@\"");
        command.current_dir(dir.path()).args(["-c", &script]).arg(holm.get_program());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        Self::launch(command, dir, &[])
    }

    fn launch(mut command: Command, dir: tempfile::TempDir, arguments: &[&str]) -> Self {
        let mut child = command
            .args(["up", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log", "warn"])
            .args(arguments)
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let find = |start: &str| ready.split_whitespace().find_map(|word| word.strip_prefix(start)).map(str::to_owned);
        let word = |start: &str| find(start).unwrap_or_else(|| panic!("no ready line: {ready:?}"));
        let over_tls = find("gateway=https://");
        let (gateway, admin) = (over_tls.unwrap_or_else(|| word("gateway=http://")), word("admin=http://"));
        let (discovery, grpc) = (find("discovery=http://"), find("grpc=http://"));
        Self { child, gateway, admin, discovery, grpc, dir }
    }

    /// Runs a client command against this host.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        let url = format!("http://{}", self.admin);
        holm(self.dir.path()).args(arguments).args(["--admin-url", &url]).output().unwrap()
    }

    /// The same, and it must succeed: what it printed.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments);
        assert!(output.status.success(), "holm {arguments:?}: {}{}", stdout(&output), stderr(&output));
        stdout(&output)
    }

    /// Deploys a component without a manifest; it is reached below `/SERVICE/`.
    pub(crate) fn deploy(&self, service: &str, version: &str, component: &Path, more: &[&str]) -> String {
        let path = component.to_str().unwrap();
        self.done(&[&["deploy", path, "--service", service, "--version", version][..], more].concat())
    }

    /// A manifest in this host's folder, deployed.
    pub(crate) fn deploy_manifest(&self, text: &str) -> String {
        let path = self.file("holm.toml", text);
        self.done(&["deploy", &path])
    }

    /// A file in this host's folder, and its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// One service as `holm services --json` shows it.
    pub(crate) fn service(&self, name: &str) -> serde_json::Value {
        let all: Vec<serde_json::Value> = serde_json::from_str(&self.done(&["services", "--json"])).unwrap();
        all.into_iter().find(|service| service["service"] == name).unwrap_or_else(|| panic!("no service {name}"))
    }

    /// Polls until a service shows this.
    pub(crate) fn until(&self, name: &str, what: &str, holds: impl Fn(&serde_json::Value) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut service = self.service(name);
        while !holds(&service) {
            assert!(Instant::now() < end, "{what} never happened: {service}");
            std::thread::sleep(Duration::from_millis(20));
            service = self.service(name);
        }
    }

    /// Polls until nothing of a service is under way, not even behind an answer.
    pub(crate) fn until_idle(&self, name: &str) {
        self.until(name, "the end of all invocations", |service| service["in_flight"] == 0);
    }

    /// The log of a service.
    pub(crate) fn log(&self, service: &str) -> Vec<serde_json::Value> {
        let text = self.done(&["logs", service, "--json", "-n", "1000"]);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The process id, for signals.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL; the data directory stays.
    pub(crate) fn kill(mut self) -> tempfile::TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap())
    }

    /// The token, as the host left it for clients.
    pub(crate) fn token(&self) -> String {
        std::fs::read_to_string(self.dir.path().join(".holm/admin-token")).unwrap().trim().to_owned()
    }

    /// SIGTERM, and how it ended; the data directory stays.
    pub(crate) fn terminate(mut self) -> (std::process::ExitStatus, tempfile::TempDir) {
        signal(self.pid(), "TERM");
        let status = self.child.wait().unwrap();
        (status, std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap()))
    }

    /// How it ended. Bounded by whoever runs the tests.
    pub(crate) fn wait(mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

/// A manifest with one service, reached below its name, with further lines for its section.
pub(crate) fn manifest(service: &str, component: &Path, settings: &str) -> String {
    format!(
        "[app]\nname = \"{service}\"\n[service.{service}]\ncomponent = \"{}\"\nversion = \"1.0.0\"\n{settings}\n\
         [[gateway.route]]\npath = \"/{service}/{{*rest}}\"\nrewrite = \"/{{rest}}\"\nservice = \"{service}\"\n",
        component.display()
    )
}

/// Sends a signal to a process that this test started.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

/// A component of `components/`, built by `scripts/build-components`.
pub(crate) fn component(name: &str) -> PathBuf {
    built(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../components/target/wasm32-wasip2/release")), name)
}

/// A fixture: a guest with one behaviour.
pub(crate) fn fixture(name: &str) -> PathBuf {
    built(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../components/target/wasm32-wasip2/release/examples")), name)
}

/// A component of `examples/`, by its path there, built by `scripts/build-components --examples`.
pub(crate) fn example(path: &str) -> PathBuf {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples")).join(path);
    assert!(path.exists(), "{} is not built: run scripts/build-components --examples", path.display());
    path
}

fn built(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(format!("{name}.wasm"));
    assert!(path.exists(), "{} is not built: run scripts/build-components", path.display());
    path
}

impl Drop for Host {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
