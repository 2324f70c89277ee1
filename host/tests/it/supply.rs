//! Where components come from: signatures, and the log of who changed what.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use crate::client::Client;
use crate::process::{Host, fixture, manifest, run, stderr, stdout};

/// A folder with a key and a component.
struct Release {
    dir: tempfile::TempDir,
    key: String,
}

impl Release {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::copy(fixture("echo"), dir.path().join("echo.wasm")).unwrap();
        let key = done(dir.path(), &["keys", "new", "release"]).trim().to_owned();
        Self { dir, key }
    }

    fn component(&self) -> PathBuf {
        self.dir.path().join("echo.wasm")
    }

    fn sign(&self, component: &Path) {
        let key = self.dir.path().join("release.key");
        done(self.dir.path(), &["keys", "sign", component.to_str().unwrap(), "--key", key.to_str().unwrap()]);
    }

    fn host(&self) -> Host {
        Host::start_in(tempfile::tempdir().unwrap(), &["--require-signature", &self.key])
    }
}

fn done(dir: &Path, arguments: &[&str]) -> String {
    let output = run(dir, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

/// It fails, with an error that says all of this.
fn refused(output: &std::process::Output, told: &[&str]) {
    assert_eq!(output.status.code(), Some(1), "{}{}", stdout(output), stderr(output));
    for part in told {
        assert!(stderr(output).contains(part), "{part:?} is not in {}", stderr(output));
    }
}

fn audit(host: &Host) -> Vec<Value> {
    let lines = host.done(&["audit", "--json"]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_signature_of_another_component_or_key_counts() {
    let release = Release::new();
    let dir = release.dir.path();
    let mode = |file: &str| fs::metadata(dir.join(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("release.key"), 0o600);
    assert_eq!(fs::read_to_string(dir.join("release.pub")).unwrap().trim(), release.key);
    refused(&run(dir, &["keys", "new", "release"]), &["release.key cannot be written", "choose another name"]);

    let verify = ["keys", "verify", "echo.wasm", "--key", &release.key];
    refused(&run(dir, &verify), &["holm keys sign echo.wasm --key FILE"]);
    release.sign(Path::new("echo.wasm"));
    assert!(done(dir, &verify).contains("is signed by ed25519:"));
    done(dir, &["keys", "verify", "echo.wasm", "--key", "release.pub"]);
    let other = done(dir, &["keys", "new", "other.key"]);
    let by_other = ["keys", "verify", "echo.wasm", "--key", other.trim()];
    refused(&run(dir, &by_other), &["is signed by another key", &release.key, other.trim()]);

    fs::copy(fixture("counter"), dir.join("echo.wasm")).unwrap();
    refused(&run(dir, &verify), &["it is not one of echo.wasm as it is now", "delete echo.wasm.sig"]);
    fs::write(dir.join("echo.wasm.sig"), "nonsense").unwrap();
    refused(&run(dir, &verify), &["`nonsense` is not a signature"]);
    fs::set_permissions(dir.join("release.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let sign = ["keys", "sign", "echo.wasm", "--key", "release.key"];
    refused(&run(dir, &sign), &["others than its owner", "chmod 600"]);
    let text = stderr(&run(dir, &["keys", "sign", "echo.wasm", "--key", "release.pub"]));
    assert!(text.contains("cannot be used"), "{text}");
}

#[tokio::test]
async fn an_unsigned_component_goes_live_where_signatures_are_required() {
    let (release, stranger) = (Release::new(), Release::new());
    let host = release.host();
    let client = Client::new(&host.gateway);
    let path = release.component();
    let deploy = ["deploy", path.to_str().unwrap(), "--service", "echo", "--version", "1.0.0"];
    let told = ["is not signed", &release.key, "holm keys sign COMPONENT --key FILE"];
    refused(&host.cli(&deploy), &told);
    assert_eq!(client.get("/echo/").await.status, 404);
    // by somebody else
    stranger.sign(&path);
    refused(&host.cli(&deploy), &["alone", &stranger.key, &release.key]);
    // in a manifest, too, and as a set
    let set = host.file("set.toml", manifest("echo", &path, ""));
    refused(&host.cli(&["deploy", &set]), &["alone", &stranger.key]);

    release.sign(&path);
    host.done(&deploy);
    assert_eq!(client.get("/echo/").await.status, 200);
    assert!(host.deploy_manifest(&manifest("two", &path, "")).contains("two 1.0.0 is live as revision 1"));

    // by its digest, without a signature: the host knows of one
    let digest = host.service("echo")["digest"].as_str().unwrap().to_owned();
    host.deploy_manifest(&manifest("three", Path::new(&digest), ""));
    // what it has not seen signed stays out
    fs::remove_file(path.with_extension("wasm.sig")).unwrap();
    fs::copy(fixture("counter"), &path).unwrap();
    refused(&host.cli(&["deploy", path.to_str().unwrap(), "--service", "echo", "--version", "2.0.0"]), &told);
    release.sign(&path);
    let elsewhere = release.dir.path().join("elsewhere");
    fs::rename(path.with_extension("wasm.sig"), &elsewhere).unwrap();
    let signature = elsewhere.to_str().unwrap();
    host.deploy("echo", "2.0.0", &path, &["--signature", signature]);
    // going back needs nobody to sign again
    assert!(host.done(&["rollback", "echo"]).contains("echo 1.0.0 is live as revision 1"));
    let signers: Vec<_> = audit(&host).iter().map(|entry| entry["signed_by"].clone()).collect();
    assert!(signers.iter().any(|key| key == release.key.as_str()), "{signers:?}");
}

#[tokio::test]
async fn a_restart_with_other_keys_ends_what_serves_or_lets_it_go_back() {
    let host = Host::start();
    host.deploy("echo", "1.0.0", &fixture("counter"), &[]);
    host.deploy("echo", "1.1.0", &fixture("echo"), &[]);
    let release = Release::new();
    let host = Host::start_in(host.kill(), &["--require-signature", &release.key]);
    let client = Client::new(&host.gateway);
    assert_eq!(client.get("/echo/").await.status, 200);
    refused(&host.cli(&["rollback", "echo"]), &["echo 1.0.0", "is not signed"]);
    // the live one, signed later: a new revision that can be gone back to
    release.sign(&release.component());
    let told = host.deploy("echo", "1.1.0", &release.component(), &[]);
    assert!(told.contains("is live as revision 3"), "{told}");
    assert_eq!(client.get("/echo/").await.status, 200);
}

#[tokio::test]
async fn a_change_leaves_no_trace_of_who_made_it() {
    let host = Host::start();
    let echo = fixture("echo");
    host.deploy("echo", "1.0.0", &echo, &[]);
    host.deploy("echo", "1.1.0", &fixture("counter"), &[]);
    host.done(&["rollback", "echo"]);
    let broken = host.file("broken.wasm", b"nonsense");
    host.cli(&["deploy", &broken, "--service", "echo", "--version", "2.0.0"]);
    let admin = Client::new(&host.admin);
    let wrong = [("authorization", "Bearer wrong-and-secret")];
    let answer = admin.try_send_bytes(Method::DELETE, "/api/services/echo", &wrong, Bytes::new()).await.unwrap();
    assert_eq!(answer.status, 401);
    host.done(&["remove", "echo"]);

    let entries = audit(&host);
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| {
            let word = |key: &str| entry[key].as_str().unwrap_or("-").to_owned();
            [word("who"), word("action"), word("service"), word("version"), word("outcome")].join(" ")
        })
        .collect();
    assert_eq!(
        seen,
        [
            "admin deploy echo 1.0.0 done",
            "admin deploy echo 1.1.0 done",
            "admin rollback echo 1.0.0 done",
            "admin deploy echo 2.0.0 refused",
            "unknown remove echo - refused",
            "admin remove echo - done",
        ]
    );
    assert!(entries[3]["reason"].as_str().unwrap().contains("not WebAssembly"), "{}", entries[3]);
    assert_eq!((&entries[0]["revision"], &entries[2]["revision"]), (&1.into(), &1.into()));
    for entry in &entries {
        assert!(entry["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{entry}");
        assert_eq!(entry["request"].as_str().unwrap().len(), 32, "{entry}");
        assert!(humantime_like(entry["at"].as_str().unwrap()), "{entry}");
    }
    assert!(entries[1]["digest"].as_str().unwrap().starts_with("sha256:"), "{}", entries[1]);
    assert_eq!(answer.headers["x-request-id"], *entries[4]["request"].as_str().unwrap());
    let table = host.done(&["audit", "-n", "2"]);
    assert!(table.contains("unknown") && !table.contains("rollback"), "{table}");

    let file = host.dir.path().join(".holm/audit.log");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("wrong-and-secret") && !text.contains(&host.token()), "a token is in the log:\n{text}");
    // a restart adds to it
    let host = Host::start_in(host.kill(), &[]);
    host.deploy("echo", "1.0.0", &echo, &[]);
    assert_eq!(audit(&host).len(), 7);
}

fn humantime_like(text: &str) -> bool {
    text.len() == 24 && text.ends_with('Z') && text.as_bytes()[10] == b'T'
}

#[tokio::test]
async fn a_stranger_fills_the_audit_log() {
    let host = Host::start();
    let admin = Client::new(&host.admin);
    for _ in 0..200 {
        let answer = admin.send(Method::DELETE, "/api/services/echo", "").await;
        assert_eq!(answer.status, 401);
    }
    let told = audit(&host).len();
    assert!((20..=40).contains(&told), "{told} lines for 200 attempts");
    // and the log is not for strangers
    assert_eq!(admin.get("/api/audit").await.status, 401);
}

#[test]
fn what_a_host_deploys_as_it_starts_has_no_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("holm.toml");
    fs::write(&path, manifest("echo", &fixture("echo"), "")).unwrap();
    let path = path.to_str().unwrap().to_owned();
    let host = Host::start_in(dir, &["--manifest", &path]);
    let entries = audit(&host);
    assert_eq!((entries.len(), &entries[0]["who"], &entries[0]["service"]), (1, &"manifest".into(), &"echo".into()));
}
