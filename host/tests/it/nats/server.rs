//! A NATS server of the test's own: on a port of its own, with a folder of its own, killed when it goes out of scope.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::door::PATIENCE;
use crate::process::signal;

/// Which server; see `scripts/test-nats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// Debian's, 2.9.10.
    Old,
    /// A current one.
    Current,
}

impl Release {
    /// Everything has to work on both.
    pub(crate) const BOTH: [Self; 2] = [Self::Old, Self::Current];

    fn program(self) -> PathBuf {
        let folder = if self == Self::Old { "2.9" } else { "2.15" };
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.nats").join(folder).join("nats-server");
        assert!(program.exists(), "no {}: run scripts/test-nats", program.display());
        program
    }
}

/// A running server.
pub(crate) struct NatsServer {
    release: Release,
    dir: tempfile::TempDir,
    /// More of its configuration.
    more: String,
    port: u16,
    child: Child,
}

impl NatsServer {
    /// Starts one with JetStream, for everybody.
    pub(crate) fn start(release: Release) -> Self {
        Self::with(release, "jetstream { store_dir: \"DIR/js\" }")
    }

    /// Starts one with this configuration; `DIR` in it stands for its folder.
    pub(crate) fn with(release: Release, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let more = more.replace("DIR", dir.path().to_str().unwrap());
        // -1: a port of the system's choice
        let child = launch(release, dir.path(), &more, -1);
        let mut server = Self { release, dir, more, port: 0, child };
        server.port = server.port_of_its_own();
        server.answers();
        server
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its folder.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Kills it: nothing is written down any more.
    pub(crate) fn kill(&mut self) {
        let _gone = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Starts it again, where it was.
    pub(crate) fn start_again(&mut self) {
        self.child = launch(self.release, self.dir.path(), &self.more, i32::from(self.port));
        self.answers();
    }

    /// It does nothing any more, and its connections stay.
    pub(crate) fn pause(&self) {
        signal(self.child.id(), "STOP");
    }

    /// It goes on.
    pub(crate) fn go_on(&self) {
        signal(self.child.id(), "CONT");
    }

    fn port_of_its_own(&self) -> u16 {
        let file = self.dir.path().join(format!("nats-server_{}.ports", self.child.id()));
        let since = Instant::now();
        loop {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            if let Ok(ports) = serde_json::from_str::<serde_json::Value>(&text) {
                let address = ports["nats"][0].as_str().unwrap();
                return address.rsplit_once(':').unwrap().1.parse().unwrap();
            }
            assert!(since.elapsed() < PATIENCE, "{}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    fn answers(&self) {
        let since = Instant::now();
        while TcpStream::connect(self.address()).is_err() {
            assert!(since.elapsed() < PATIENCE, "{}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// What it has said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn launch(release: Release, dir: &Path, more: &str, port: i32) -> Child {
    let shown = dir.display();
    let config = format!("listen: 127.0.0.1:{port}\nports_file_dir: \"{shown}\"\nlog_file: \"{shown}/log\"\n{more}\n");
    let file = dir.join("server.conf");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(release.program());
    command.arg("-c").arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}
