//! The program under test: run to its end, or as a host that is killed when it goes out of scope.

use std::io::{BufRead, BufReader};
use std::path::Path;
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

/// A running host without services.
pub(crate) struct Host {
    child: Child,
    /// `127.0.0.1:PORT` of the admin API.
    pub(crate) admin: String,
    /// Its data directory is `.holm` in here.
    pub(crate) dir: tempfile::TempDir,
}

impl Host {
    /// Starts one and waits until it says that it is ready.
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut child = holm(dir.path())
            .args(["up", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let admin = ready.split_whitespace().find_map(|word| word.strip_prefix("admin=http://"));
        let admin = admin.unwrap_or_else(|| panic!("no ready line: {ready:?}")).to_owned();
        Self { child, admin, dir }
    }

    /// The token, as the host left it for clients.
    pub(crate) fn token(&self) -> String {
        std::fs::read_to_string(self.dir.path().join(".holm/admin-token")).unwrap().trim().to_owned()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
