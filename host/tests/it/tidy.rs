//! The shape of the tree, as rules that a test can hold: who may use whom, which library belongs to whom, and what
//! a file must not hold. A violation is named with its place and the reason of the rule.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Each part of the host, and the parts that it may use. Dependencies go one way: cli, app, the doors, services,
/// mesh, runtime, state, and the registry below them all. `body`, `fault`, `shutdown` and `telemetry` are words that
/// everybody speaks. Siblings (gateway and events) never meet: `app` introduces them. The admin API looks at
/// everything and is looked at by nobody.
const PARTS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    (
        "cli",
        &["app", "admin", "audit", "services", "grpc", "runtime", "config", "telemetry", "signing", "private_file"],
    ),
    (
        "app",
        &[
            "gateway",
            "events",
            "admin",
            "audit",
            "services",
            "mesh",
            "discovery",
            "runtime",
            "config",
            "telemetry",
            "shutdown",
            "fault",
            "body",
        ],
    ),
    (
        "gateway",
        &[
            "services",
            "mesh",
            "grpc",
            "discovery",
            "identity",
            "telemetry",
            "private_file",
            "shutdown",
            "hop_by_hop",
            "fault",
            "body",
        ],
    ),
    ("events", &["services", "telemetry", "shutdown", "fault"]),
    (
        "admin",
        &[
            "services",
            "events",
            "discovery",
            "config",
            "telemetry",
            "audit",
            "private_file",
            "shutdown",
            "fault",
            "body",
        ],
    ),
    ("services", &["signing", "mesh", "grpc", "runtime", "state", "telemetry", "shutdown", "fault", "body"]),
    ("mesh", &["discovery", "runtime", "state", "telemetry", "shutdown", "hop_by_hop", "fault", "body"]),
    ("discovery", &["telemetry", "shutdown"]),
    ("runtime", &["state", "config", "identity", "telemetry", "private_file", "shutdown", "fault", "body"]),
    ("grpc", &["runtime"]),
    ("state", &[]),
    ("config", &["telemetry"]),
    ("telemetry", &["fault"]),
    ("shutdown", &[]),
    ("hop_by_hop", &[]),
    ("identity", &[]),
    ("fault", &[]),
    ("private_file", &[]),
    ("audit", &["private_file"]),
    ("signing", &[]),
    ("body", &[]),
];

/// What may be used in few places: as it is written in the code, where, and why there alone.
const OWNERS: &[(&[&str], &[&str], &str)] = &[
    (
        &["wasmtime::", "wasmtime_wasi::", "wasmtime_wasi_http::"],
        &["host/src/runtime/"],
        "the engine is known to `runtime` alone, so that it can be updated in one place",
    ),
    (
        &["hyper::", "hyper_util::"],
        &[
            "host/src/gateway/",
            "host/src/admin/",
            "host/src/mesh/outgoing/",
            "host/src/discovery/probe.rs",
            "host/src/discovery/reach.rs",
        ],
        "connections belong to the doors and to the way out; plain `http` types travel between them",
    ),
    (
        &["hyper_rustls::", "rustls::"],
        &[
            "host/src/mesh/outgoing/",
            "host/src/discovery/probe.rs",
            "host/src/gateway/auth/fetch.rs",
            "host/src/gateway/tls/",
        ],
        "few places decide whom we trust outside, and what we show",
    ),
    (&["axum::", "utoipa_axum::"], &["host/src/admin/"], "only the admin API is written with a framework"),
    (
        &["utoipa::"],
        &["host/src/admin/", "host/src/telemetry/logs.rs"],
        "schemas describe what the admin API sends; log lines are sent as `telemetry` has them",
    ),
    (
        &["async_nats::"],
        &["host/src/events/nats/link.rs", "host/src/events/nats/link/"],
        "the client library is known to the connection alone: what it promises is written down there",
    ),
    (&["sled::"], &["registry/src/store/sled.rs"], "the database can be exchanged in one file"),
    (&["clap::", "clap_complete::"], &["host/src/cli/"], "only the command line has options"),
    (
        &["anstream::", "comfy_table::", "indicatif::", "io::stdout", "println!(", "print!("],
        &["host/src/cli/output.rs"],
        "stdout is data that programs read: it has one printer",
    ),
    (
        &["io::stderr", "eprintln!(", "eprint!("],
        &["host/src/cli/output.rs", "host/src/telemetry/init.rs"],
        "stderr belongs to the printer and to the log; write with `tracing`",
    ),
    (
        &["anyhow::"],
        &["host/src/cli/", "host/src/app.rs", "host/src/app/", "host/src/runtime/mod.rs"],
        "errors that somebody decides upon have a type; `anyhow` is for who only prints them",
    ),
    (
        &["aws_lc_rs::"],
        &["host/src/runtime/compile/", "host/src/signing.rs", "host/src/gateway/tls/"],
        "cryptography is used in few places",
    ),
    (&["jsonwebtoken::"], &["host/src/gateway/auth/"], "whose signatures count is decided in one place"),
    (
        &["protox::", "prost_reflect::"],
        &["host/src/grpc/"],
        "descriptors are read once; what follows from them has types of its own",
    ),
    (&["rayon::"], &["host/src/runtime/compile/worker.rs"], "the host's threads are tokio's"),
    (
        &["std::env", "env::var"],
        &["host/src/config.rs", "host/src/config/"],
        "every setting from the environment has one checked place",
    ),
    (&["tokio::spawn"], &["host/src/shutdown.rs"], "a drain can only wait for tasks that it knows"),
];

/// A file longer than this answers two questions: split it by the question.
const LINES: usize = 400;

/// Words that may not stand in any file: each in two halves, since this file is one of them.
const WORDS: &[(&str, &str, &str)] = &[
    ("TO", "DO", "do it now, or open an issue"),
    ("FIX", "ME", "fix it now, or open an issue"),
    ("todo", "!(", "what is not done is not there"),
    ("unimplemented", "!(", "what is not done is not there"),
    ("dbg", "!(", "a tool for the moment"),
    ("/root", "/", "no path of one machine holds on another"),
    ("/home", "/", "no path of one machine holds on another"),
    ("/work", "/", "no path of one machine holds on another"),
    ("index.crates", ".io", "where packages come from is the user's setting"),
    ("static.crates", ".io", "where packages come from is the user's setting"),
    ("registry.npmjs", ".org", "where packages come from is the user's setting"),
    ("pypi", ".org", "where packages come from is the user's setting"),
];

/// A file of the tree, by its path from the root.
struct Source {
    path: String,
    text: String,
    executable: bool,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Of the host or the registry, and no test.
    fn is_program(&self) -> bool {
        self.is_rust() && (self.path.starts_with("host/src/") || self.path.starts_with("registry/src/"))
    }

    /// The numbered lines with neither comments nor the tests at the end of the file.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(at, line)| (at + 1, line));
        lines.take_while(|(_, line)| *line != "mod tests {").filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// Everything that is ours, without what was built.
fn tree() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    for entry in ["host", "registry", "components", "examples", "fuzz", "wit", "scripts", "bin", ".ci"] {
        walk(root, &root.join(entry), &mut found);
    }
    for entry in fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()) {
        // in a worktree `.git` is a file, and says where its repository lies
        if entry.is_file() && !entry.ends_with(".git") {
            found.extend(read(root, &entry));
        }
    }
    assert!(found.len() > 200, "the tree was not found: {} files in {}", found.len(), root.display());
    found
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap();
        if ["target", "node_modules", ".venv", ".nats", ".holm", "corpus", "artifacts"].contains(&name) {
            continue;
        }
        if entry.is_dir() {
            walk(root, &entry, found);
        } else {
            found.extend(read(root, &entry));
        }
    }
}

/// `None` for what is no text.
fn read(root: &Path, path: &Path) -> Option<Source> {
    let text = fs::read_to_string(path).ok()?;
    let executable = fs::metadata(path).unwrap().permissions().mode() & 0o111 != 0;
    let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    Some(Source { path, text, executable })
}

/// What breaks a rule, a line each.
#[derive(Default)]
struct Broken(String);

impl Broken {
    fn note(&mut self, path: &str, line: usize, what: &str) {
        writeln!(self.0, "{path}:{line}: {what}").unwrap();
    }

    fn assert_none(self) {
        assert!(self.0.is_empty(), "\n{}", self.0);
    }
}

/// Whether `word` stands in the line and is not the end of a longer name or path.
fn uses(line: &str, word: &str) -> bool {
    let inside = |before: &str| before.ends_with(|last: char| last.is_alphanumeric() || last == '_' || last == ':');
    line.match_indices(word).any(|(at, _)| !inside(&line[..at]) || line[..at].ends_with("std::"))
}

/// The names that follow `crate::` in a line; empty where a brace follows, which no part allows.
fn parts_named(line: &str) -> impl Iterator<Item = &str> {
    let name = |rest: &'_ str| rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    line.match_indices("crate::").map(move |(at, found)| {
        let rest = &line[at + found.len()..];
        &rest[..name(rest)]
    })
}

#[test]
fn a_part_uses_one_that_stands_above_it() {
    let mut broken = Broken::default();
    for source in tree().iter().filter(|source| source.is_program()) {
        let Some(inner) = source.path.strip_prefix("host/src/").filter(|inner| *inner != "lib.rs") else { continue };
        let part = inner.split('/').next().unwrap().trim_end_matches(".rs");
        let Some((_, allowed)) = PARTS.iter().find(|(name, _)| *name == part) else {
            broken.note(&source.path, 1, &format!("say in tidy.rs what the part `{part}` may use"));
            continue;
        };
        for (at, line) in source.code() {
            for other in parts_named(line).filter(|other| *other != part && !allowed.contains(other)) {
                let rule = format!("`{part}` may use {allowed:?}, not `{other}`: dependencies go one way");
                broken.note(&source.path, at, &rule);
            }
        }
    }
    broken.assert_none();
}

#[test]
fn a_library_is_used_outside_of_the_part_that_owns_it() {
    let mut broken = Broken::default();
    for source in tree().iter().filter(|source| source.is_program()) {
        for (words, places, reason) in OWNERS {
            if places.iter().any(|place| source.path.starts_with(place)) {
                continue;
            }
            for (at, line) in source.code() {
                for word in words.iter().filter(|word| uses(line, word)) {
                    broken.note(&source.path, at, &format!("`{word}` only in {}: {reason}", places.join(", ")));
                }
            }
        }
    }
    broken.assert_none();
}

#[test]
fn a_file_is_too_long_to_read() {
    let mut broken = Broken::default();
    for source in tree().iter().filter(|source| source.is_rust()) {
        let lines = source.text.lines().count();
        if lines > LINES {
            let rule = format!("{lines} lines, and {LINES} are enough for one question: split it by the question");
            broken.note(&source.path, lines, &rule);
        }
    }
    broken.assert_none();
}

#[test]
fn a_rust_file_does_not_say_what_it_is_for() {
    let mut broken = Broken::default();
    for source in tree().iter().filter(|source| source.is_rust() && !source.path.starts_with("examples/")) {
        if !source.text.starts_with("//!") {
            broken.note(&source.path, 1, "begin with `//!` and a map: what the file is for, and what is elsewhere");
        }
    }
    broken.assert_none();
}

#[test]
fn something_unfinished_or_of_one_machine_stands_in_the_tree() {
    let mut broken = Broken::default();
    for source in &tree() {
        for (at, line) in source.text.lines().enumerate() {
            for (head, tail, reason) in WORDS {
                if line.contains(&[*head, *tail].concat()) {
                    broken.note(&source.path, at + 1, &format!("`{head}{tail}`: {reason}"));
                }
            }
        }
    }
    broken.assert_none();
}

#[test]
fn a_lock_file_names_the_mirror_of_one_machine() {
    let mut broken = Broken::default();
    for source in tree().iter().filter(|source| source.path.ends_with("Cargo.lock")) {
        for (at, line) in source.text.lines().enumerate().filter(|(_, line)| line.starts_with("source = ")) {
            if line != "source = \"registry+https://github.com/rust-lang/crates.io-index\"" {
                broken.note(&source.path, at + 1, "a dependency from elsewhere than the public registry");
            }
        }
    }
    broken.assert_none();
}

#[test]
fn a_script_cannot_be_run() {
    let mut broken = Broken::default();
    for source in tree() {
        let folder = source.path.split('/').next().unwrap();
        if !["scripts", "bin", ".ci"].contains(&folder) || source.path == "scripts/lib.sh" {
            continue;
        }
        if !source.executable {
            broken.note(&source.path, 1, "chmod +x: a newcomer calls it as the README says");
        }
        let mut lines = source.text.lines();
        if lines.next() != Some("#!/usr/bin/env bash") || !lines.next().is_some_and(|line| line.starts_with("# ")) {
            broken.note(&source.path, 1, "begin with `#!/usr/bin/env bash` and a comment that says what it does");
        }
        if !source.text.contains("\nset -euo pipefail\n") {
            broken.note(&source.path, 1, "`set -euo pipefail`: a script ends at the first thing that goes wrong");
        }
    }
    broken.assert_none();
}

#[test]
fn a_rule_of_this_file_catches_nothing() {
    assert!(uses("use wasmtime::Engine;", "wasmtime::"));
    assert!(uses("    std::io::stdout().lock()", "io::stdout"));
    assert!(!uses("use super::sled::SledEngine;", "sled::"));
    assert!(!uses("eprintln!(\"\")", "println!("));
    assert_eq!(parts_named("crate::a::b, crate::c, crate::{d}").collect::<Vec<_>>(), ["a", "c", ""]);
}
