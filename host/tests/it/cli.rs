//! The command line, without a host.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use crate::process::{holm, run, stderr, stdout};

const COMMANDS: [&str; 20] = [
    "up",
    "new",
    "dev",
    "test",
    "export",
    "build",
    "deploy",
    "services",
    "revisions",
    "rollback",
    "remove",
    "routes",
    "inspect",
    "call",
    "calls",
    "logs",
    "check",
    "keys",
    "audit",
    "completions",
];

fn here() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// An address where nobody listens: it was free a moment ago.
fn nobody() -> String {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{address}")
}

#[test]
fn a_command_does_not_explain_itself() {
    let dir = here();
    let all = stdout(&run(dir.path(), &["--help"]));
    for command in COMMANDS {
        assert!(all.contains(command), "{command} is not in\n{all}");
        let output = run(dir.path(), &[command, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(stdout(&output).contains("Usage: holm"), "{command}");
    }
}

#[test]
fn wrong_usage_looks_like_a_failure() {
    let dir = here();
    let component = dir.path().join("x.wasm");
    fs::write(&component, b"\0asm").unwrap();
    let cases: [&[&str]; 8] = [
        &[],
        &["no-such-command"],
        &["up", "--listen", "nowhere"],
        &["up", "--log-format", "xml"],
        &["revisions"],
        &["deploy", "x.wasm"],
        &["deploy", "holm.toml", "--version", "1.0.0"],
        &["deploy", "x.wasm", "--service", "users", "--version", "one"],
    ];
    for arguments in cases {
        let output = run(dir.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stdout(&output).is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_missing_host_is_an_obscure_connection_error() {
    let dir = here();
    let url = nobody();
    let output = run(dir.path(), &["services", "--admin-url", &url]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains(&format!("no Holm host answers at {url}")), "{text}");
    assert!(text.contains("start one with `holm up`, or name it with --admin-url"), "{text}");
}

#[test]
fn the_environment_does_not_name_the_host() {
    let dir = here();
    let url = nobody();
    let output = holm(dir.path()).arg("routes").env("HOLM_ADMIN_URL", &url).output().unwrap();
    assert!(stderr(&output).contains(&url), "{}", stderr(&output));
}

#[test]
fn check_does_not_point_at_the_mistake() {
    let dir = here();
    let manifest = "[service.users]\ncomponent = \"users.wasm\"\nversion = \"1.0.0\"\nisolaton = \"reuse\"\n";
    fs::write(dir.path().join("holm.toml"), manifest).unwrap();
    let output = run(dir.path(), &["check", "holm.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    for expected in ["holm.toml:4:1", "unknown key `isolaton`", "isolaton = \"reuse\"", "did you mean `isolation`?"] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "colours in a pipe:\n{text}");
}

#[test]
fn check_hides_the_defaults() {
    let dir = here();
    run(dir.path(), &["new", "my-service"]);
    let output = run(dir.path(), &["check", "my-service/holm.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for expected in [
        "[service.my-service",
        "memory = \"64MiB\"",
        "isolation = \"reuse\"",
        "listen = \"127.0.0.1:8080\"",
        "service = \"my-service\"",
    ] {
        assert!(stdout(&output).contains(expected), "{expected} is not in\n{}", stdout(&output));
    }
    let output = run(dir.path(), &["check", "my-service/holm.toml", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(json["service"]["my-service"]["limits"]["memory"], "64MiB");
}

#[test]
fn new_leaves_out_a_file_or_writes_over_one() {
    let dir = here();
    let output = run(dir.path(), &["new", "hello"]);
    assert_eq!((output.status.code(), stdout(&output).trim()), (Some(0), "hello"));
    for file in ["Cargo.toml", "src/lib.rs", "holm.toml", "README.md", ".gitignore"] {
        assert!(dir.path().join("hello").join(file).is_file(), "{file}");
    }
    let again = run(dir.path(), &["new", "hello"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("exists already"), "{}", stderr(&again));
    assert_eq!(run(dir.path(), &["new", "Not A Name"]).status.code(), Some(2));
}

#[test]
fn a_shell_has_no_completions() {
    let dir = here();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(dir.path(), &["completions", shell]);
        assert!(output.status.success() && stdout(&output).contains("revisions"), "{shell}");
    }
}

#[test]
fn an_unbuilt_component_is_reported_without_a_way_out() {
    let dir = here();
    run(dir.path(), &["new", "hello"]);
    let output = run(dir.path(), &["up", "--manifest", "hello/holm.toml", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("`holm build hello`"), "{}", stderr(&output));
}

#[test]
fn what_is_exported_for_kubernetes_is_none_of_its_objects() {
    let dir = here();
    let shop = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/shop/gateway.toml");
    let output = run(dir.path(), &["export", "kubernetes", shop, "--image", "shop:1.0.0"]);
    assert!(output.status.success(), "{}", stderr(&output));
    fs::write(dir.path().join("shop.yaml"), &output.stdout).unwrap();
    let validate = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/kubernetes/.venv/bin/kubernetes-validate");
    let checked = Command::new(validate).args(["--strict", "shop.yaml"]).current_dir(dir.path()).output().unwrap();
    assert!(checked.status.success(), "{}{}\n{}", stdout(&checked), stderr(&checked), stdout(&output));
    let told = stdout(&output);
    assert!(told.contains("component = \"/components/users.wasm\"") && told.contains("JWT_SECRET: \"\""), "{told}");

    let output = run(dir.path(), &["export", "kubernetes", shop, "--image", "shop:1.0.0", "--replicas", "2"]);
    assert!(stderr(&output).contains("its own state"), "{}", stderr(&output));
    let output = run(dir.path(), &["export", "kubernetes", "none.toml", "--image", "shop:1.0.0"]);
    assert!(stderr(&output).contains("none.toml cannot be read"), "{}", stderr(&output));
}
