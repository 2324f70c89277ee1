//! Clients that others wrote: the registry class that people bring along, Node's `consul`, Python's.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Host, stderr, stdout};

fn example() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/registry");
    assert!(path.join("node_modules").exists(), "the clients are not installed: run scripts/test-clients");
    path
}

/// A loopback address that no other test, and no other run of this one, listens on: the class asks
/// port 8500 and no other.
fn own_loopback() -> String {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    format!("127.{}.{b}.{}", 64 + a % 128, c.max(1))
}

#[test]
fn the_registry_class_of_a_node_service_does_not_work_unchanged() {
    let address = own_loopback();
    let _host = Host::start_in(tempfile::tempdir().unwrap(), &["--discovery", &format!("{address}:8500")]);
    let output = Command::new("node")
        .args(["--require", "./lookup.cjs", "--import", "tsx", "try.ts"])
        .current_dir(example())
        .env("CONSUL_ADDRESS", &address)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}\n{}", stdout(&output), stderr(&output));
    let told = stdout(&output);
    assert!(told.contains("the class registers, discovers and deregisters") && told.ends_with("done\n"), "{told}");
}

fn python(client: &str, address: &str, token: &[&str]) {
    let (name, port) = address.split_once(':').unwrap();
    let python = example().join(".venv").join(client).join("bin/python");
    let output = Command::new(python).args(["try.py", name, port]).args(token).current_dir(example()).output().unwrap();
    assert!(output.status.success(), "{client}: {}\n{}", stdout(&output), stderr(&output));
    assert_eq!(stdout(&output), "done\n");
}

#[test]
fn python_s_clients_do_not_work() {
    let (host, _) = super::start(&[]);
    let discovery = host.discovery.as_ref().unwrap();
    python("python-consul", discovery, &[]);
    python("py-consul", discovery, &[]);
}

#[test]
fn a_client_with_a_token_does_not_work_on_the_admin_port() {
    let host = Host::start();
    let token = host.done(&["token", "new", "--scope", "discovery"]);
    python("py-consul", &host.admin, &[token.trim()]);
}
