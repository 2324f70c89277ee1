//! The process that compiles: what it has while it does, and what is left of it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{Target, artifact};
use crate::process::{Host, fixture, manifest, run, signal, stderr};

/// A component that compiles for longer than any of these tests looks.
fn slow() -> Vec<u8> {
    artifact::loops(800)
}

async fn until_gone(process: u32) {
    let end = Instant::now() + Duration::from_secs(10);
    // one that has ended and that nobody has asked about is there, and runs no more
    let runs = || {
        let state = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        state.rsplit(')').next().map(|rest| !rest.trim_start().starts_with(['Z', 'X']))
    };
    while runs() == Some(true) {
        assert!(Instant::now() < end, "process {process} still runs");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_compiler_has_what_the_host_has() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    let target = Target::on(Host::start_with_open_file(secret.path()));
    assert!(opened(target.host.pid(), secret.path()), "the host was started without the file");
    let mut deploying = JoinSet::new();
    let this = target.clone();
    deploying.spawn(async move { this.deploy("slow", "1.0.0", slow()).await });
    let compiler = target.compiler().await;
    // it closes what it inherits, and takes its limits on itself, before it reads the component
    let end = Instant::now() + Duration::from_secs(10);
    while !limits(compiler).contains("Max core file size 0 0") || opened(compiler, secret.path()) {
        assert!(Instant::now() < end, "{} {:?}", limits(compiler), files(compiler));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let end = Instant::now() + Duration::from_secs(10);
    while !limits(compiler).contains("Max cpu time 60 61") {
        assert!(Instant::now() < end, "{}", limits(compiler));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let limits = limits(compiler);
    for limit in ["Max file size 0 0", "Max address space 2147483648 2147483648", "Max open files 16 16"] {
        assert!(limits.contains(limit), "{limit} is not in\n{limits}");
    }
    assert_eq!(fs::read(format!("/proc/{compiler}/environ")).unwrap(), b"", "its environment is not empty");
    assert_eq!(fs::read_link(format!("/proc/{compiler}/cwd")).unwrap(), Path::new("/"));
    let files = files(compiler);
    assert!(files.iter().all(|file| file.starts_with("pipe:")), "{files:?}");

    // and it goes with the host
    let host = std::sync::Arc::clone(&target.host);
    signal(host.pid(), "KILL");
    until_gone(compiler).await;
}

#[tokio::test]
async fn a_host_that_ends_waits_for_the_compiler() {
    let target = Target::start(&["--compile-cpu", "1s"]);
    let mut deploying = JoinSet::new();
    let this = target.clone();
    deploying.spawn(async move { this.deploy("slow", "1.0.0", slow()).await });
    let compiler = target.compiler().await;
    // what was begun is finished: the deployment ends with its own answer
    signal(target.host.pid(), "TERM");
    let answer = deploying.join_next().await.unwrap().unwrap();
    assert_eq!(answer.status, 422, "{}", answer.body);
    until_gone(compiler).await;
    until_gone(target.host.pid()).await;
}

#[test]
fn a_bomb_is_met_by_who_only_looks_at_it() {
    let dir = tempfile::tempdir().unwrap();
    let bomb = dir.path().join("bomb.wasm");
    fs::write(&bomb, slow()).unwrap();
    let nobody = ["--admin-url", "http://127.0.0.1:1", "--compile-cpu", "1s"];
    let output = run(dir.path(), &[&["inspect", "bomb.wasm"], &nobody[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("took more than 1s of CPU time"), "{}", stderr(&output));

    let text = manifest("good", &fixture("echo"), "") + &manifest_of("bomb", "bomb.wasm");
    let text = text + &manifest_of("bad", fixture("missing_import").to_str().unwrap());
    fs::write(dir.path().join("holm.toml"), text).unwrap();
    assert_eq!(run(dir.path(), &["check"]).status.code(), Some(0));
    let output = run(dir.path(), &["check", "--components", "--compile-cpu", "1s"]);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(told.contains("bomb.wasm): compiling the component took more than 1s"), "{told}");
    assert!(told.contains("nobody provides what it imports: acme:billing/ledger@1.0.0"), "{told}");
    assert!(told.contains("2 components cannot be deployed") && !told.contains("good ("), "{told}");
}

fn manifest_of(service: &str, component: &str) -> String {
    format!("[service.{service}]\ncomponent = \"{component}\"\nversion = \"1.0.0\"\n")
}

/// One line for each limit, its words apart by one space.
fn limits(process: u32) -> String {
    let text = fs::read_to_string(format!("/proc/{process}/limits")).unwrap_or_default();
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

fn files(process: u32) -> Vec<String> {
    let Ok(entries) = fs::read_dir(format!("/proc/{process}/fd")) else { return Vec::new() };
    let target = |entry: std::io::Result<fs::DirEntry>| fs::read_link(entry.ok()?.path()).ok();
    entries.filter_map(target).map(|path| path.display().to_string()).collect()
}

fn opened(process: u32, path: &Path) -> bool {
    files(process).iter().any(|file| Path::new(file) == path)
}
