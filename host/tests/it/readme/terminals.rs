//! Two terminals: a host runs in the first one; what a README has somebody type is typed in the second.
//!
//! Only addresses and the data directory are exchanged, so that it all happens beside a host that somebody has
//! running, and in a folder that is gone afterwards.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::root;
use super::steps::{DEMO, HOST, Step, is_shown};
use crate::lines::Lines;
use crate::process::{program, signal};

/// Between the outputs of two blocks.
const NEXT: &str = "--- next block ---";
/// Seconds for all that is typed: far more than it takes, but an `until` has no end of its own.
const LONGEST: &str = "900";
/// For a host to get ready: it compiles what it is given, and the demo may be built first, on a machine that builds
/// something else, too.
const READY: Duration = Duration::from_secs(300);
const BUILT_AND_READY: Duration = Duration::from_secs(3600);
/// Where a README says that nobody listens. Developers often have something there.
const NOBODY: &str = "127.0.0.1:3000";

/// A host, as somebody started it in the first terminal.
pub(super) struct Up {
    child: Child,
    pub(super) out: Lines,
    ready: String,
    dir: tempfile::TempDir,
}

impl Up {
    /// The demo, by `scripts/up`: an optimised host, which is built first, with the shop.
    pub(super) fn demo() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache/holm");
        fs::create_dir_all(&cache).unwrap();
        symlink(target(), cache.join("target")).unwrap();
        let mut command = shell(DEMO);
        command.env("CARGO_TARGET_DIR", target());
        command.envs(["HOLM_LISTEN", "HOLM_ADMIN", "HOLM_DISCOVERY", "HOLM_GRPC"].map(|name| (name, "127.0.0.1:0")));
        Self::start(command, dir, BUILT_AND_READY)
    }

    /// A host by a command of its own. It is the program that the tests were built with.
    pub(super) fn host(command: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let demo = dir.path().join("cache/holm/target/demo");
        fs::create_dir_all(&demo).unwrap();
        symlink(program(), demo.join("holm")).unwrap();
        let any = ["--listen", "--admin", "--grpc"].map(|door| format!("{door} 127.0.0.1:0")).join(" ");
        // exec: signals are for the host
        let with_addresses = format!("exec {HOST} {any} --discovery {}:8500", loopback());
        let command = command.replace(HOST, &with_addresses).replace(NOBODY, &nobody());
        Self::start(shell(&command), dir, READY)
    }

    fn start(mut command: Command, dir: tempfile::TempDir, within: Duration) -> Self {
        command.env("XDG_CACHE_HOME", dir.path().join("cache")).env("HOLM_DATA", dir.path().join("data"));
        let mut child = command.env("HOLM_LOG", "warn").spawn().unwrap();
        let out = Lines::of(child.stdout.take().unwrap(), within);
        let mut up = Self { child, out, ready: String::new(), dir };
        up.ready = up.out.until("ready ");
        up
    }

    /// What the host says of itself when it is ready.
    fn word(&self, start: &str) -> &str {
        let found = self.ready.split_whitespace().find_map(|word| word.strip_prefix(start));
        found.unwrap_or_else(|| panic!("the host does not get ready: {:?}", self.ready))
    }

    /// The second terminal: a shell that finds this host and the program.
    pub(super) fn terminal(&self, script: &str) -> Command {
        let data = self.dir.path().join("data").display().to_string();
        let script = script
            .replace("http://127.0.0.1:8080", self.word("gateway="))
            .replace("127.0.0.1:50051", self.word("grpc=http://"))
            .replace("CONSUL_ADDRESS=127.0.0.1", &format!("CONSUL_ADDRESS={}", loopback()))
            .replace("$PWD/.holm", &data);
        // curl's meter, which a terminal would overwrite, does not belong to the output
        let script = format!("curl() {{ command curl --silent --show-error \"$@\"; }}\n{script}");
        let mut terminal = outside_of_cargo("timeout", &[LONGEST, "bash", "-euo", "pipefail", "-c", &script]);
        terminal
            .env("XDG_CACHE_HOME", self.dir.path().join("cache"))
            .env("TMPDIR", self.dir.path())
            .env("HOLM_ADMIN_URL", self.word("admin="));
        terminal
    }

    /// Runs the steps in one shell, and compares what comes with what is shown.
    pub(super) fn walk(&self, steps: &[Step]) {
        let script: String = steps.iter().map(|step| format!("{}\necho '{NEXT}'\n", step.commands)).collect();
        let output = self.terminal(&script).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "a command failed:\n{out}\n{err}");
        for (Step { commands, shown }, came) in steps.iter().zip(out.split(NEXT)) {
            let Some(shown) = shown else { continue };
            assert!(is_shown(shown, came), "{commands}\nshows\n{shown}\nand this came:\n{came}");
        }
    }

    /// SIGTERM, which must end it in good order.
    pub(super) fn stop(mut self) {
        signal(self.child.id(), "TERM");
        let status = self.child.wait().unwrap();
        assert!(status.success(), "the host ended with {status}");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// The folder that this program was built in.
fn target() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_holm")).ancestors().nth(2).unwrap()
}

/// A loopback address that no other test, and no other run of this one, listens on: some clients of discovery ask port
/// 8500 and no other. On Linux alone all of 127.0.0.0/8 answers by itself; elsewhere only 127.0.0.1 does.
fn loopback() -> String {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    format!("127.{}.{b}.{}", 192 + a % 32, c.max(1))
}

/// An address on which nobody listens: its port was free, and is left free.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A shell in the root of the checkout.
pub(super) fn shell(script: &str) -> Command {
    outside_of_cargo("bash", &["-euo", "pipefail", "-c", script])
}

/// A program in the root of the checkout, without the settings of the person who runs the tests, and without those
/// that cargo gives to a test.
fn outside_of_cargo(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null()).stdout(Stdio::piped());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name != "CARGO_HOME") {
        if ["CARGO", "HOLM_", "RUST_", "NO_COLOR"].iter().any(|ours| name.to_string_lossy().starts_with(ours)) {
            command.env_remove(name);
        }
    }
    command
}
