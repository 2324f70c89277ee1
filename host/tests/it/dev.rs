//! The inner loop: what is saved is built and served, by `holm dev`; and what `holm new` makes builds and works.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::lines::Lines;
use crate::process::{Host, holm, run, signal, stderr, stdout};

/// A first build, dependencies included, on a machine that runs other tests, too.
const BUILD: Duration = Duration::from_secs(180);

/// Where all crates of these tests are built, so that dependencies are built once.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("new")
}

fn share_target(service: &Path) {
    std::fs::create_dir_all(target()).unwrap();
    std::os::unix::fs::symlink(target(), service.join("target")).unwrap();
}

pub(crate) fn new(dir: &Path, template: &str, name: &str) -> PathBuf {
    let output = run(dir, &["new", "--template", template, name]);
    assert!(output.status.success(), "{}", stderr(&output));
    dir.join(name)
}

/// `holm dev`, and what it writes.
pub(crate) struct Dev {
    child: Child,
    stdout: Lines,
    pub(crate) stderr: Lines,
}

impl Dev {
    pub(crate) fn start(dir: &Path) -> Self {
        let mut command = holm(dir);
        command.args(["dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]).env_remove("CARGO_TARGET_DIR");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = Lines::of(child.stdout.take().unwrap(), BUILD);
        let stderr = Lines::of(child.stderr.take().unwrap(), BUILD);
        Self { child, stdout, stderr }
    }

    /// A client of its gateway, when what was there has been built and whatever is saved is noticed.
    pub(crate) fn until_ready(&mut self) -> Client {
        let ready = self.stdout.until("ready gateway=");
        self.stderr.until("watching");
        Client::new(ready.split_once("gateway=http://").unwrap().1.split(' ').next().unwrap())
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        signal(self.child.id(), "TERM");
        let _ended = self.child.wait();
    }
}

async fn until_answered(client: &Client, path: &str, expected: &str) {
    let end = Instant::now() + BUILD;
    loop {
        let answer = client.get(path).await.body;
        if answer == expected {
            return;
        }
        assert!(Instant::now() < end, "{path} answers {answer:?} and never {expected:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_saved_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    let service = new(dir.path(), "http", "hello");
    share_target(&service);
    let mut dev = Dev::start(&service);
    let client = dev.until_ready();
    assert_eq!(client.get("/hello/hello/Ada").await.body, "Hello, Ada!\n");

    let source = service.join("src/lib.rs");
    let text = std::fs::read_to_string(&source).unwrap();
    let salut = text.replace("Hello, {who}!", "Salut, {who}!");
    std::fs::write(&source, &salut).unwrap();
    dev.stderr.until("saved to served");
    assert_eq!(client.get("/hello/hello/Ada").await.body, "Salut, Ada!\n");

    std::fs::write(&source, format!("{salut}\nfn unfinished( {{")).unwrap();
    dev.stderr.until("unfinished");
    dev.stderr.until("the build failed");
    assert_eq!(client.get("/hello/hello/Ada").await.body, "Salut, Ada!\n", "a failed build ends the last one");

    std::fs::write(&source, &text).unwrap();
    dev.stderr.until("saved to served");
    assert_eq!(client.get("/hello/hello/Ada").await.body, "Hello, Ada!\n");

    let manifest = service.join("holm.toml");
    let moved = std::fs::read_to_string(&manifest).unwrap().replace("\"/hello/{*rest}\"", "\"/moved/{*rest}\"");
    std::fs::write(&manifest, moved).unwrap();
    until_answered(&client, "/moved/hello/Ada", "Hello, Ada!\n").await;
    std::fs::write(&manifest, "nonsense").unwrap();
    dev.stderr.until("problem");
    assert_eq!(client.get("/moved/hello/Ada").await.body, "Hello, Ada!\n", "a bad manifest changes something");
}

/// Builds what `holm new` made, and prints where the component lies.
fn build(service: &Path) -> PathBuf {
    let output = holm(service).arg("build").env("CARGO_TARGET_DIR", target()).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    PathBuf::from(stdout(&output).trim())
}

fn deploy(host: &Host, service: &Path, component: &Path) {
    let manifest = std::fs::read_to_string(service.join("holm.toml")).unwrap();
    let line = |text: &str| match text.strip_prefix("component = ") {
        Some(_) => format!("component = {:?}\n", component.display().to_string()),
        None => format!("{text}\n"),
    };
    host.deploy_manifest(&manifest.lines().map(line).collect::<String>());
}

#[test]
fn a_new_service_with_functions_does_not_work() {
    let dir = tempfile::tempdir().unwrap();
    let service = new(dir.path(), "typed", "my-greeter");
    share_target(&service);
    let tested = holm(&service).args(["test", "--", "--quiet"]).env_remove("CARGO_TARGET_DIR").output().unwrap();
    assert!(tested.status.success() && stdout(&tested).contains("1 passed"), "{}{}", stdout(&tested), stderr(&tested));
    let host = Host::start();
    deploy(&host, &service, &build(&service));
    let call = |name: &str| host.done(&["call", "my-greeter", "app:my-greeter/greeter", "greet", name]);
    assert!(call("[\"Ada\"]").contains("Hello, Ada!"));
    assert!(call("[\" \"]").contains("no-name"));
}

#[test]
fn a_new_service_with_events_does_not_work() {
    let dir = tempfile::tempdir().unwrap();
    let service = new(dir.path(), "events", "my-host");
    let host = Host::start();
    deploy(&host, &service, &build(&service));
    host.done(&["events", "publish", "guests.arrived", "Ada"]);
    let end = Instant::now() + BUILD;
    while !host.log("my-host").iter().any(|line| line.to_string().contains("Welcome, Ada!")) {
        assert!(Instant::now() < end, "{:?}", host.log("my-host"));
        std::thread::sleep(Duration::from_millis(20));
    }
}
