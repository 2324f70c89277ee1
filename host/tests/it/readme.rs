//! What the READMEs promise: every command in them is run, in order and in one shell, and what they show is what
//! comes. Only addresses and the data directory are exchanged, so that it all happens beside a host that somebody
//! has running, and in a folder that is gone afterwards.
//!
//! In a README, a block of `sh` is run; a block of `text` that follows is its stdout, where `…` stands for anything.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::process::{Host, component, signal};

const START: &str = "scripts/up";
/// What runs this test, and so is not run by it.
const TEST: &str = "scripts/test";
/// Between the outputs of two blocks.
const NEXT: &str = "--- next block ---";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The folder that this program was built in.
fn target() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_holm")).ancestors().nth(2).unwrap()
}

/// A block of `sh`, and what the README shows of its output.
#[derive(Debug, PartialEq)]
struct Step {
    commands: String,
    shown: Option<String>,
}

fn steps(readme: &Path) -> Vec<Step> {
    let text = fs::read_to_string(root().join(readme)).unwrap();
    let mut steps = Vec::<Step>::new();
    // every second part of a text that is split at its fences stands between two of them
    for fenced in text.split("```").skip(1).step_by(2) {
        let (language, block) = fenced.split_once('\n').unwrap();
        match language {
            "sh" => steps.push(Step { commands: block.to_owned(), shown: None }),
            "text" => steps.last_mut().unwrap().shown = Some(block.to_owned()),
            _ => {}
        }
    }
    steps
}

/// Whether `came` is what is shown, line by line.
fn is_shown(shown: &str, came: &str) -> bool {
    let (shown, came): (Vec<_>, Vec<_>) = (shown.trim().lines().collect(), came.trim().lines().collect());
    shown.len() == came.len() && shown.iter().zip(came).all(|(shown, came)| line_is_shown(shown.trim(), came.trim()))
}

fn line_is_shown(shown: &str, came: &str) -> bool {
    let Some((head, tail)) = shown.split_once('…') else { return shown == came };
    let Some(rest) = came.strip_prefix(head) else { return false };
    // the dots stand for anything: try every place for what follows them
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| line_is_shown(tail, &rest[at..]))
}

/// `scripts/up`, as somebody started it in the first terminal.
struct Up {
    child: Child,
    out: BufReader<ChildStdout>,
    gateway: String,
    admin: String,
    dir: tempfile::TempDir,
}

impl Up {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut child = shell(START)
            .env("CARGO_TARGET_DIR", target())
            .env("HOLM_DATA", dir.path().join("data"))
            .envs(["HOLM_LISTEN", "HOLM_ADMIN", "HOLM_DISCOVERY", "HOLM_GRPC"].map(|name| (name, "127.0.0.1:0")))
            .env("HOLM_LOG", "warn")
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        out.read_line(&mut ready).unwrap();
        let word = |start: &str| {
            let found = ready.split_whitespace().find_map(|word| word.strip_prefix(start));
            found.unwrap_or_else(|| panic!("{START} does not get ready: {ready:?}")).to_owned()
        };
        Self { child, out, gateway: word("gateway="), admin: word("admin="), dir }
    }

    /// The second terminal: a shell that finds this host and the program.
    fn terminal(&self, script: &str) -> Command {
        let cache = self.dir.path().join("cache/holm");
        fs::create_dir_all(&cache).unwrap();
        if !cache.join("target").exists() {
            symlink(target(), cache.join("target")).unwrap();
        }
        let data = self.dir.path().join("data").display().to_string();
        let script = script.replace("http://127.0.0.1:8080", &self.gateway).replace("$PWD/.holm", &data);
        // curl's meter, which a terminal would overwrite, does not belong to the output
        let mut terminal = shell(&format!("curl() {{ command curl --silent --show-error \"$@\"; }}\n{script}"));
        terminal
            .env("XDG_CACHE_HOME", self.dir.path().join("cache"))
            .env("TMPDIR", self.dir.path())
            .env("HOLM_ADMIN_URL", &self.admin);
        terminal
    }

    /// Runs the steps in one shell, and compares what comes with what is shown.
    fn walk(&self, steps: &[Step]) {
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
    fn stop(mut self) {
        signal(self.child.id(), "TERM");
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{START} ended with {status}");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// A shell in the root of the checkout, without the settings of the person who runs the tests, and without those
/// that cargo gives to a test.
fn shell(script: &str) -> Command {
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", script]).current_dir(root());
    shell.stdin(Stdio::null()).stdout(Stdio::piped());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name != "CARGO_HOME") {
        if ["CARGO", "HOLM_", "RUST_", "NO_COLOR"].iter().any(|ours| name.to_string_lossy().starts_with(ours)) {
            shell.env_remove(name);
        }
    }
    shell
}

#[test]
fn a_command_of_the_readme_does_not_do_what_it_shows() {
    let up = Up::start();
    let (outside, walk): (Vec<_>, Vec<_>) =
        steps(Path::new("README.md")).into_iter().partition(|step| [START, TEST].contains(&step.commands.trim()));
    assert_eq!(outside.iter().map(|step| step.commands.trim()).collect::<Vec<_>>(), [START, TEST]);
    up.walk(&walk);
    up.walk(&steps(Path::new("examples/shop/README.md")));
    up.walk(&steps(Path::new("examples/kubernetes/README.md")));
    up.stop();
}

#[test]
fn the_lines_to_try_that_the_host_starts_with_do_not_work() {
    let mut up = Up::start();
    let mut out = String::new();
    while !out.contains("Ctrl-C") {
        assert_ne!(up.out.read_line(&mut out).unwrap(), 0, "{out}");
    }
    let lines: Vec<_> = out.lines().map(str::trim).filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(lines.len(), 5, "{out}");
    for line in lines {
        let answer = up.terminal(&format!("{line} --fail")).output().unwrap();
        assert!(answer.status.success() && !answer.stdout.is_empty(), "{line}: {answer:?}");
    }
    up.stop();
}

#[test]
fn cargo_component_builds_no_component_of_the_shops_services() {
    let built = shell("cd components/users && cargo component build --release").output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let plain = component("users");
    let adapted = PathBuf::from(plain.to_str().unwrap().replace("wasm32-wasip2", "wasm32-wasip1"));
    assert!(adapted.exists(), "{} was not built", adapted.display());
    let host = Host::start();
    host.deploy("users", "1.0.0", &adapted, &[]);
    let services = host.done(&["services", "--json"]);
    assert!(services.contains("\"live\""), "{services}");
    let answer = Command::new("curl").args(["-sSf", &format!("http://{}/users/users", host.gateway)]).output().unwrap();
    assert!(answer.status.success(), "{answer:?}");
}

#[test]
fn dots_in_a_readme_hide_a_difference() {
    assert!(is_shown("a … is live, …\nb", "a 1 is live, 12 ms\nb\n"));
    assert!(!is_shown("a … is live", "a 1 is dead"));
    assert!(!is_shown("a …b", "a b c"));
    assert!(!is_shown("a", "a\nb"));
}
