//! Bytes that are no component, or almost one.

use std::fs;
use std::time::Duration;

use super::mangle::{Dice, flip, mangle};
use super::{Target, artifact};
use crate::process::{component, fixture};

/// Changed components of each kind. More of them are the fuzzers' business.
const ROUNDS: u64 = 60;

#[tokio::test]
async fn a_component_that_was_cut_off_is_deployed() {
    let target = Target::start(&[]);
    let whole = fs::read(component("users")).unwrap();
    let ends = (0..32).chain((1..).map(|step| step * 4096).take_while(|end| *end < whole.len()));
    for end in ends.chain([whole.len() - 1]) {
        let why = target.refusal(whole[..end].to_vec()).await;
        // what ends between two sections is a whole component, and nothing can enter it
        let told: &[&str] = match end {
            ..4 => &["not WebAssembly"],
            // an empty component is one
            8 => &["exports neither"],
            _ => &["not valid", "exports neither"],
        };
        assert!(told.iter().any(|told| why.contains(told)), "{end} bytes: {why}");
    }
}

#[tokio::test]
async fn a_component_with_a_wrong_bit_breaks_the_host() {
    let target = Target::start(&[]);
    let whole = fs::read(fixture("echo")).unwrap();
    survives(&target, |dice| flip(&whole, dice)).await;
}

#[tokio::test]
async fn a_component_from_a_fuzzer_breaks_the_host() {
    let target = Target::start(&[]);
    let seeds = [fs::read(fixture("echo")).unwrap(), artifact::loops(20), artifact::functions(50)];
    for seed in &seeds {
        survives(&target, |dice| mangle(seed, dice)).await;
    }
}

/// Each is deployed, or refused with a reason; either way `kept` serves on.
async fn survives(target: &Target, make: impl Fn(&mut Dice) -> Vec<u8>) {
    let mut deployed = 0;
    for round in 0..ROUNDS {
        let answer = target.deploy("changed", &format!("1.0.{round}"), make(&mut Dice::new(round))).await;
        match answer.status.as_u16() {
            200 => deployed += 1,
            422 => assert!(!answer.json()["detail"].as_str().unwrap().is_empty(), "round {round}"),
            other => panic!("round {round}: {other} {}", answer.body),
        }
        target.serves().await;
    }
    assert!(deployed < ROUNDS, "nothing was wrong with any of them");
    target.host.until_idle("kept");
    let metrics = target.admin.get("/metrics").await.body;
    assert!(!metrics.contains(r#"reason="crashed""#) && !metrics.contains(r#"reason="host""#), "{metrics}");
    if deployed > 0 {
        target.host.done(&["remove", "changed"]);
    }
}

#[tokio::test]
async fn native_code_from_a_stranger_is_run() {
    let target = Target::start(&[]);
    let cache = target.host.dir.path().join(".holm/compiled");
    let entry = fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
    let entry = fs::read(entry).unwrap();
    // compiled code as the host itself would load it, without and with its MAC
    target.refuses(entry[32..].to_vec(), "not WebAssembly").await;
    target.refuses(entry.clone(), "not WebAssembly").await;
    // and behind the first bytes of a component, where the validator meets it
    target.refuses([b"\0asm\x0d\0\x01\0", &entry[32..]].concat(), "not valid").await;
    target.refuses(b"\x7fELF\x02\x01\x01".to_vec(), "not WebAssembly").await;
}

#[tokio::test]
async fn code_that_somebody_put_into_the_cache_is_run() {
    let host = crate::process::Host::start();
    host.deploy("kept", "1.0.0", &fixture("counter"), &[]);
    host.deploy("echo", "1.0.0", &fixture("echo"), &[]);
    let dir = host.kill();
    let cache = dir.path().join(".holm/compiled");
    let entries: Vec<_> = fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [one, other] = &entries[..] else { panic!("{entries:?}") };
    // each of the two under the name of the other: whole, made by this host, and not theirs
    let (first, second) = (fs::read(one).unwrap(), fs::read(other).unwrap());
    fs::write(one, second).unwrap();
    fs::write(other, first).unwrap();
    let target = Target::on(crate::process::Host::start_in(dir, &[]));
    let answer = target.gateway.get("/echo/").await;
    assert_eq!(answer.status, 200);
    assert!(target.gateway.get("/kept/").await.body.ends_with("1\n"));
    let metrics = target.admin.get("/metrics").await.body;
    assert!(metrics.contains("holm_compile_seconds_count 2"), "they were not compiled again:\n{metrics}");
}

#[tokio::test]
async fn a_component_of_another_world_is_deployed() {
    let target = Target::start(&[]);
    target.refuses(b"\0asm\x01\0\0\0".to_vec(), "a core WebAssembly module").await;
    // the layers and versions of the binary format that there are not
    target.refuses(b"\0asm\x0e\0\x01\0".to_vec(), "not valid").await;
    target.refuses(b"\0asm\x0d\0\x02\0".to_vec(), "a core WebAssembly module").await;
    let whole = fs::read(fixture("echo")).unwrap();
    let text = String::from_utf8_lossy(&whole);
    let name = "wasi:http/incoming-handler@0.2.";
    let at = text.match_indices(name).count();
    assert!(at > 0, "the fixture exports something else");
    let newer = replaced(&whole, b"wasi:http/incoming-handler@0.2.", b"wasi:http/incoming-handler@0.9.");
    target.refuses(newer, "exports neither wasi:http/incoming-handler").await;
    let newer = replaced(&whole, b"wasi:http/types@0.2.", b"wasi:http/types@0.9.");
    target.refuses(newer, "nobody provides what the component imports").await;
    let answer = tokio::time::timeout(Duration::from_secs(5), target.deploy("kept", "2.0.0", &b""[..])).await.unwrap();
    assert_eq!(answer.status, 422, "{}", answer.body);
}

/// Replaces every occurrence by as many other bytes.
fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for start in 0..bytes.len() - old.len() {
        if bytes[start..].starts_with(old) {
            bytes[start..start + old.len()].copy_from_slice(new);
        }
    }
    bytes
}
