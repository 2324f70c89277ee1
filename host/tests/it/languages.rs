//! Services in other languages than Rust: what `holm new` makes of them builds with the tools of its language, and any
//! folder with a script does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use http::Method;
use tokio::sync::Mutex;

use crate::client::Client;
use crate::dev::{Dev, new};
use crate::process::{Host, fixture, holm, run, stderr, stdout};

/// Installing packages and building takes up to a few minutes on a machine that runs other tests, too. A tool that
/// waits for the network for ever is ended together with all that it has started.
const SECONDS: &str = "500";
/// What `timeout` ends with when it had to end the tool.
const ENDED: i32 = 124;
/// One installs and compiles an engine at a time: each takes all processors and a GB.
static TURN: Mutex<()> = Mutex::const_new(());

/// Has `holm test` build a new service and run its tests, with packages from the caches of npm and pip where they are
/// there. What it prints.
fn tested(service: &Path) -> String {
    let mut command = Command::new("timeout");
    command.arg(SECONDS).arg(holm(service).get_program()).arg("test").current_dir(service);
    let tested = command.env("npm_config_prefer_offline", "true").output().unwrap();
    let printed = format!("{}{}", stdout(&tested), stderr(&tested));
    assert_ne!(tested.status.code(), Some(ENDED), "not installed, built and tested in {SECONDS} s:\n{printed}");
    assert!(tested.status.success(), "not installed, built or tested ({}):\n{printed}", tested.status);
    printed
}

/// Builds and tests a new service, and asks it on a host.
async fn works(template: &str, passed: &str) {
    let _turn = TURN.lock().await;
    let dir = tempfile::tempdir().unwrap();
    let service = new(dir.path(), template, "my-service");
    let printed = tested(&service);
    assert!(printed.contains(passed), "{printed}");
    let host = Host::start();
    host.done(&["deploy", service.join("holm.toml").to_str().unwrap()]);
    let client = Client::new(&host.gateway);
    for path in ["/my-service/hello/Ada", "/my-service/hello/Ada?x=1"] {
        assert_eq!(client.get(path).await.body, "Hello, Ada!\n", "{path}");
    }
    let long = "Grace ".repeat(3000);
    let posted = client.send(Method::POST, "/my-service/hello", &long).await;
    assert_eq!((posted.status.as_u16(), posted.body), (200, format!("Hello, {long}!\n")));
    assert_eq!(client.get("/my-service/").await.body, "Hello from my-service, version 1\n");
    assert_eq!(client.get("/my-service/health").await.body, "ok\n");
    let head = client.send(Method::HEAD, "/my-service/hello/Ada", "").await;
    assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));
    assert_eq!(client.get("/my-service/nowhere").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_service_in_typescript_does_not_work() {
    works("typescript", "pass 2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_service_in_python_does_not_work() {
    works("python", "Ran 2 tests").await;
}

/// A service whose script takes the fixture that is named in the file `which`.
fn with_script(dir: &Path) -> PathBuf {
    let service = dir.join("any");
    fs::create_dir(&service).unwrap();
    let manifest = crate::process::manifest("any", Path::new("dist/any.wasm"), "");
    fs::write(service.join("holm.toml"), manifest).unwrap();
    let fixtures = fixture("echo");
    let fixtures = fixtures.parent().unwrap().display();
    let script = |name: &str, text: &str| {
        fs::write(service.join(name), format!("#!/bin/sh\nset -e\ncd \"$(dirname \"$0\")\"\n{text}\n")).unwrap();
        fs::set_permissions(service.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    };
    script("build.sh", &format!("echo building\nmkdir -p dist\ncp \"{fixtures}/$(cat which).wasm\" dist/any.wasm"));
    script("test.sh", "echo \"tested: $1\"");
    service
}

#[test]
fn a_folder_with_a_script_is_built_or_tested_in_another_way() {
    let dir = tempfile::tempdir().unwrap();
    let service = with_script(dir.path());
    let unbuilt = run(dir.path(), &["up", "--manifest", "any/holm.toml", "--listen", "127.0.0.1:0"]);
    assert!(stderr(&unbuilt).contains("`holm build any`"), "{}", stderr(&unbuilt));
    let failed = run(dir.path(), &["build", "any"]);
    assert!(stderr(&failed).contains("`build.sh` failed in "), "{}", stderr(&failed));

    fs::write(service.join("which"), "echo").unwrap();
    let built = run(dir.path(), &["build", "any"]);
    let component = service.canonicalize().unwrap().join("dist/any.wasm");
    assert_eq!(PathBuf::from(stdout(&built).trim()).canonicalize().unwrap(), component, "{}", stderr(&built));
    let tested = run(&service, &["test", "--", "all"]);
    assert_eq!((stdout(&tested).as_str(), tested.status.code()), ("tested: all\n", Some(0)), "{}", stderr(&tested));

    fs::write(service.join("holm.toml"), "[app]\nname = \"any\"\n").unwrap();
    let nowhere = run(dir.path(), &["build", "any"]);
    assert!(stderr(&nowhere).contains("names no component"), "{}", stderr(&nowhere));
    fs::remove_file(service.join("build.sh")).unwrap();
    let nothing = run(dir.path(), &["build", "any"]);
    assert!(stderr(&nothing).contains("holds nothing that can be built"), "{}", stderr(&nothing));
}

#[test]
fn a_flag_for_the_tests_of_a_package_is_taken_by_npm() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("node_modules")).unwrap();
    let scripts = r#"{"scripts": {"build": "true", "test": "echo tested:"}}"#;
    fs::write(dir.path().join("package.json"), scripts).unwrap();
    let manifest = crate::process::manifest("any", Path::new("dist/any.wasm"), "");
    fs::write(dir.path().join("holm.toml"), manifest).unwrap();
    let tested = run(dir.path(), &["test", "--", "--silent"]);
    assert!(stdout(&tested).ends_with("\ntested: --silent\n"), "{}{}", stdout(&tested), stderr(&tested));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_saved_in_a_folder_with_a_script_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    let service = with_script(dir.path());
    fs::write(service.join("which"), "echo").unwrap();
    let mut dev = Dev::start(&service);
    let client = dev.until_ready();
    assert_eq!(client.send(Method::POST, "/any/", "heard").await.body, "heard");
    fs::write(service.join("which"), "deaf").unwrap();
    dev.stderr.until("saved to served");
    assert_eq!(client.send(Method::POST, "/any/", "heard").await.body, "not read\n");
}
