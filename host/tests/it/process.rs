//! The program under test: run to its end, or as a host that is killed when it goes out of scope.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// `holm` in `dir`, with an environment that holds nothing of the person who runs the tests.
pub(crate) fn holm(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holm"));
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["HOLM_ADMIN_URL", "HOLM_TOKEN", "HOLM_DATA", "HOLM_LOG", "NO_COLOR"] {
        command.env_remove(name);
    }
    command
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
        let mut child = holm(dir.path())
            .args(["up", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log", "warn"])
            .args(arguments)
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let word = |start: &str| {
            let found = ready.split_whitespace().find_map(|word| word.strip_prefix(start));
            found.unwrap_or_else(|| panic!("no ready line: {ready:?}")).to_owned()
        };
        Self { child, gateway: word("gateway=http://"), admin: word("admin=http://"), dir }
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
        let path = self.dir.path().join("holm.toml");
        std::fs::write(&path, text).unwrap();
        self.done(&["deploy", path.to_str().unwrap()])
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

    /// How it ended. Bounded by whoever runs the tests.
    pub(crate) fn wait(mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
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
