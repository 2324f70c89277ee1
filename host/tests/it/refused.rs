//! Bad input: a clear message, and the host goes on serving what it served.

use std::fs;
use std::path::Path;

use crate::client::Client;
use crate::process::{Host, component, fixture, manifest, run, stderr};

/// A host that serves `kept` and must go on doing so, whatever it is asked.
struct Serving {
    host: Host,
    client: Client,
}

impl Serving {
    fn start() -> Self {
        Self::on(Host::start())
    }

    fn on(host: Host) -> Self {
        host.deploy("kept", "1.0.0", &fixture("counter"), &[]);
        let client = Client::new(&host.gateway);
        Self { host, client }
    }

    /// The command fails with an error that says all of this, and nothing has changed.
    async fn refuses(&self, arguments: &[&str], told: &[&str]) {
        let before = (self.host.done(&["routes", "--json"]), self.host.done(&["revisions", "kept", "--json"]));
        let output = self.host.cli(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stderr(&output));
        let text = one_line(&stderr(&output));
        for part in told {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        assert_eq!(self.client.get("/kept/").await.body, "1\n", "after {arguments:?}");
        let after = (self.host.done(&["routes", "--json"]), self.host.done(&["revisions", "kept", "--json"]));
        assert_eq!(before, after, "{arguments:?}");
    }

    /// The same for the deployment of these bytes as version 2.0.0 of the service.
    async fn refuses_component(&self, bytes: &[u8], told: &[&str]) {
        let path = self.host.file("bad.wasm", bytes);
        self.refuses(&["deploy", &path, "--service", "kept", "--version", "2.0.0"], told).await;
    }

    /// The same for the deployment of a manifest.
    async fn refuses_manifest(&self, text: &str, told: &[&str]) {
        let path = self.host.file("bad.toml", text);
        self.refuses(&["deploy", &path], told).await;
    }
}

/// Messages are folded to the width of the terminal.
fn one_line(text: &str) -> String {
    text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

/// The same component with other bytes: a custom section of at least `size` bytes behind it.
fn padded(component: &[u8], size: u32) -> Vec<u8> {
    let mut bytes = component.to_vec();
    bytes.push(0);
    let length = size + 2;
    // the length in five bytes of LEB128, the last of which does not continue
    bytes.extend((0..5).map(|index| ((length >> (7 * index)) & 0x7f) as u8 | if index < 4 { 0x80 } else { 0 }));
    bytes.extend([1, b'p']);
    bytes.resize(bytes.len() + size as usize, 0);
    bytes
}

/// Replaces every occurrence by as many other bytes.
fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut bytes = bytes.to_vec();
    let starts: Vec<_> = (0..=bytes.len() - old.len()).filter(|start| bytes[*start..].starts_with(old)).collect();
    assert!(!starts.is_empty(), "{old:?} does not occur");
    for start in starts {
        bytes[start..start + old.len()].copy_from_slice(new);
    }
    bytes
}

/// A component whose data lies outside of its memory: it traps while an instance is made.
fn traps_at_start() -> Vec<u8> {
    // a data segment at `i32.const 1048576`, where Rust's data begins, and at 134217727
    let (inside, outside) = (b"\x00\x41\x80\x80\xc0\x00\x0b", b"\x00\x41\xff\xff\xff\x3f\x0b");
    replaced(&fs::read(fixture("counter")).unwrap(), inside, outside)
}

#[tokio::test]
async fn bytes_that_are_no_component_are_deployed_or_refused_without_a_reason() {
    let serving = Serving::start();
    let good = fs::read(fixture("echo")).unwrap();
    serving.refuses_component(b"#!/bin/sh\n", &["not WebAssembly", "holm build"]).await;
    serving.refuses_component(b"", &["not WebAssembly"]).await;
    serving.refuses_component(&good[..6], &["not valid", "truncated"]).await;
    serving.refuses_component(&good[..good.len() / 2], &["not valid", "truncated"]).await;
    serving.refuses_component(b"\0asm\x01\0\0\0", &["a core WebAssembly module, not a component", "wasip2"]).await;
    // a component that nothing could enter
    serving.refuses_component(b"\0asm\x0d\0\x01\0", &["exports neither wasi:http/incoming-handler"]).await;
    serving.refuses_component(&padded(&good, 64 << 20), &["larger than the 64 MiB"]).await;
}

#[tokio::test]
pub(crate) async fn a_missing_import_is_not_named() {
    let serving = Serving::start();
    let missing = fs::read(fixture("missing_import")).unwrap();
    serving.refuses_component(&missing, &["nobody provides", "acme:billing/ledger@1.0.0"]).await;
    let kv = fs::read(fixture("kv")).unwrap();
    let near = replaced(&kv, b"wasi:keyvalue/store@0.2.0-draft2", b"wasi:keyvalue/store@0.2.0-draft9");
    let told = ["wasi:keyvalue/store@0.2.0-draft9 (the nearest that exists: wasi:keyvalue/store@0.2.0-draft"];
    serving.refuses_component(&near, &told).await;
}

#[tokio::test]
async fn a_wrong_name_or_version_is_taken() {
    let serving = Serving::start();
    let echo = fixture("echo");
    let echo = echo.to_str().unwrap();
    for (service, version, told) in
        [("Not_A_Name", "1.0.0", "Not_A_Name"), ("users", "1.0", "1.0"), ("a/b", "1.0.0", "a/b")]
    {
        let output = serving.host.cli(&["deploy", echo, "--service", service, "--version", version]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(told), "{}", stderr(&output));
    }
    let taken = ["version 1.0.0 of kept is already deployed with other bytes", "raise the version"];
    serving.refuses(&["deploy", echo, "--service", "kept", "--version", "1.0.0"], &taken).await;
    // not only the live version is taken
    serving.host.deploy("kept", "1.1.0", &fixture("counter"), &[]);
    serving.refuses(&["deploy", echo, "--service", "kept", "--version", "1.0.0"], &taken).await;
}

#[tokio::test]
async fn a_wrong_manifest_is_deployed_in_part() {
    let serving = Serving::start();
    let echo = fixture("echo");
    let unknown = manifest("other", &echo, "isolaton = \"reuse\"");
    serving.refuses_manifest(&unknown, &["unknown key `isolaton`", "did you mean `isolation`?"]).await;

    let shop = manifest("shop", &echo, "");
    serving.host.deploy_manifest(&shop);
    let twice = manifest("clinic", &echo, "").replace("/clinic/{*rest}", "/shop/{*path}").replace("{rest}", "{path}");
    let told = ["`/shop/{*rest}` of app `shop` is claimed by app `clinic` too, as `/shop/{*path}`"];
    serving.refuses_manifest(&twice, &told).await;
    let claims_kept = manifest("clinic", &echo, "").replace("/clinic/", "/kept/");
    serving.refuses_manifest(&claims_kept, &["of service `kept` is claimed by app `clinic` too"]).await;
    let nowhere = manifest("clinic", &echo, "").replace("service = \"clinic\"", "service = \"nobody\"");
    serving.refuses_manifest(&nowhere, &["nobody"]).await;
    let names: Vec<_> = serving.host.done(&["services"]).lines().map(str::to_owned).collect();
    assert!(!names.iter().any(|line| line.contains("clinic") || line.contains("other")), "{names:?}");
}

#[tokio::test]
async fn a_sick_revision_takes_over() {
    let serving = Serving::start();
    let told = ["kept 2.0.0 does not start", "out of bounds"];
    serving.refuses_component(&traps_at_start(), &told).await;
    let health = "health = { path = \"/health\" }";
    let told = ["kept 1.0.0 did not pass its probe GET /health", "holm logs kept"];
    for (name, why) in [("trap", "trap"), ("no_answer", "without an answer")] {
        let sick = manifest("kept", &fixture(name), health).replace("1.0.0", "2.0.0");
        let told = told.map(|part| part.replace("1.0.0", "2.0.0"));
        serving.refuses_manifest(&sick, &[&told[0], &told[1], why]).await;
    }
    let unwell = manifest("kept", &fixture("kv"), "health = { path = \"/?do=status:503\" }").replace("1.0.0", "2.0.0");
    serving.refuses_manifest(&unwell, &["GET /?do=status:503", "503"]).await;
    let slow = "health = { path = \"/?ms=60000\", timeout = \"200ms\" }";
    let slow = manifest("kept", &fixture("sleep"), slow).replace("1.0.0", "2.0.0");
    serving.refuses_manifest(&slow, &["GET /?ms=60000", "within the deadline"]).await;
    let small = manifest("kept", &fixture("echo"), "limits = { memory = \"64KiB\" }").replace("1.0.0", "2.0.0");
    serving.refuses_manifest(&small, &["limits.memory is 64KiB; raise it"]).await;
    // and a well one does
    let well = manifest("kept", &fixture("echo"), health).replace("1.0.0", "2.0.0");
    assert!(serving.host.deploy_manifest(&well).contains("kept 2.0.0 is live as revision 2"));
}

#[tokio::test]
async fn going_back_or_removing_what_is_not_there_breaks_what_is() {
    let serving = Serving::start();
    serving.refuses(&["rollback", "kept"], &["kept has nothing to go back to", "revision 1 is live"]).await;
    serving.refuses(&["rollback", "kept", "--to", "9"], &["kept has no revision 9; it has 1 (1.0.0)"]).await;
    serving.refuses(&["rollback", "kept", "--to", "1"], &["revision 1 of kept is live already"]).await;
    serving.refuses(&["rollback", "nobody"], &["there is no service nobody"]).await;
    serving.refuses(&["remove", "nobody"], &["there is no service nobody", "holm services"]).await;
    serving.refuses(&["inspect", "nobody"], &["nobody"]).await;
}

const ANY_PORT: &str = "127.0.0.1:0";

/// `holm up` with these arguments, which must end by itself.
fn up_fails(dir: &Path, arguments: &[&str]) -> String {
    let output = run(dir, &[&["up"], arguments].concat());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(output.stdout.is_empty(), "it says that it is ready");
    one_line(&stderr(&output))
}

#[tokio::test]
async fn a_second_host_gets_in_the_way_of_the_first() {
    let serving = Serving::start();
    let host = &serving.host;
    let text = up_fails(host.dir.path(), &["--listen", ANY_PORT, "--admin", ANY_PORT]);
    assert!(text.contains(&format!("is in use by process {}", host.pid())) && text.contains("--data"), "{text}");

    let elsewhere = tempfile::tempdir().unwrap();
    for (flag, taken, other) in [
        ("--listen", &host.gateway, "--admin"),
        ("--admin", &host.admin, "--listen"),
        ("--listen", &host.admin, "--admin"),
    ] {
        let text = up_fails(elsewhere.path(), &[flag, taken, other, ANY_PORT]);
        assert!(text.contains(&format!("{taken} is in use by another program")) && text.contains(flag), "{text}");
    }
    assert_eq!(serving.client.get("/kept/").await.body, "1\n");
}

#[test]
fn a_data_directory_of_a_newer_holm_is_overwritten() {
    let dir = Host::start().kill();
    let layout = dir.path().join(".holm/layout");
    let newer = "{\"layout\":7,\"written_by\":\"holm 9.9.9\"}";
    fs::write(&layout, newer).unwrap();
    let text = up_fails(dir.path(), &["--listen", ANY_PORT, "--admin", ANY_PORT]);
    assert!(text.contains("has layout 7, written by holm 9.9.9") && text.contains("use that version"), "{text}");
    assert_eq!(fs::read_to_string(&layout).unwrap(), newer);
}

#[tokio::test]
async fn a_full_disk_loses_what_is_served() {
    // no file of more than 20 or 40 MiB, by shell: the store's own are smaller
    let serving = Serving::on(Host::start_with_file_limit(40 << 10));
    let large = padded(&fs::read(component("users")).unwrap(), 44 << 20);
    serving.refuses_component(&large, &["no space left", "no room for an artifact of", "free some space"]).await;
    let artifacts = serving.host.dir.path().join(".holm/artifacts/sha256");
    let files = fs::read_dir(artifacts).unwrap().flat_map(|group| fs::read_dir(group.unwrap().path()).unwrap());
    assert_eq!(files.count(), 1, "half an artifact was left");
    // what fits is taken
    let path = component("users");
    serving.host.deploy("users", "1.0.0", &path, &[]);
    assert_eq!(serving.client.get("/users/health").await.status, 200);
}
