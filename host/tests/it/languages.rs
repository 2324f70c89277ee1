//! Services in other languages than Rust: any folder with a script is built.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use http::Method;

use crate::dev::Dev;
use crate::process::{fixture, run, stderr, stdout};

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

#[tokio::test(flavor = "multi_thread")]
async fn what_was_saved_in_a_folder_with_a_script_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    let service = with_script(dir.path());
    fs::write(service.join("which"), "echo").unwrap();
    let mut dev = Dev::start(&service);
    let client = dev.until_ready();
    assert_eq!(client.send(Method::POST, "/any/", "heard").await.body, "heard");
    fs::write(service.join("which"), "deaf").unwrap();
    dev.until("saved to served");
    assert_eq!(client.send(Method::POST, "/any/", "heard").await.body, "not read\n");
}
