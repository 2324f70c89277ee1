//! What is done beside the demo, which `scripts/up` builds and starts: it takes the time of an optimised build.

use std::path::PathBuf;
use std::process::Command;

use super::read;
use super::steps::{DEMO, visits};
use super::terminals::{Up, shell};
use crate::process::{Host, component};

/// The READMEs that have it started.
pub(super) const READMES: [&str; 2] = ["README.md", "examples/shop/README.md"];

#[test]
fn a_command_of_the_readme_does_not_do_what_it_shows() {
    let up = Up::demo();
    for readme in READMES {
        let visits: Vec<_> = visits(&read(readme)).into_iter().filter(|visit| visit.start == DEMO).collect();
        assert_eq!(visits.len(), 1, "{readme} does not say how to start {DEMO}, or says it twice");
        up.walk(&visits[0].steps);
    }
    up.stop();
}

#[test]
fn the_lines_to_try_that_the_host_starts_with_do_not_work() {
    let mut up = Up::demo();
    up.out.until("Ctrl-C");
    let lines: Vec<_> = up.out.seen().iter().map(|line| line.trim()).filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(lines.len(), 5, "{:#?}", up.out.seen());
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
