//! What the READMEs promise: every command in them is run, in order and in one shell, and what they show is what
//! comes.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `steps` | what does a README have somebody type (pure)? |
//! | `terminals` | does that do what is shown? |
//! | `demo` | and beside the demo, which `scripts/up` builds and starts? |
//! | `examples` | and beside a host that is started by itself, which takes no build? |
//! | `services` | does the README of a service name all its doors? |
//! | this one | is there a command that none of them runs? |

mod demo;
mod examples;
mod services;
mod steps;
mod terminals;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Commands that READMEs show (`console`) and that nothing runs as they stand there: which, and why not.
const ONLY_SHOWN: &[(&str, &[(&str, &str)])] = &[
    (
        "components/README.md",
        &[
            ("rustup target add wasm32-wasip2", "asks the network; scripts/wasm-toolchain"),
            (BUILD, "scripts/build-components, before the tests"),
            ("cargo component build --release", "demo.rs, for one of the services"),
            ("cargo test", "scripts/test, before these tests"),
        ],
    ),
    ("examples/guests/hello-wasip2/README.md", &[(BUILD, "the README of all guests has it")]),
    ("examples/guests/hello-wasip3/README.md", &[(BUILD, "the same")]),
    ("examples/guests/hello-wstd/README.md", &[(BUILD, "the same")]),
    ("examples/guests/hello-js/README.md", &[("npm install", OTHERS_BUILD), ("npm run build", OTHERS_BUILD)]),
    (
        "examples/shop/catalog-ts/README.md",
        &[
            ("npm install", OTHERS_BUILD),
            ("npm test", "scripts/test, before these tests"),
            ("npm run build", OTHERS_BUILD),
            ("holm deploy catalog.wasm --service catalog --version 2.0.0 --isolation invocation", "the shop's README"),
            ("holm rollback catalog", "the shop's README"),
        ],
    ),
    (
        "examples/shop/notifications-py/README.md",
        &[
            ("./build.sh", OTHERS_BUILD),
            ("python3 test.py", "scripts/test, before these tests"),
            ("holm deploy notifications.wasm --service notifications --version 2.0.0", "the shop's README"),
            ("holm rollback notifications", "the shop's README"),
        ],
    ),
];
const BUILD: &str = "cargo build --release --target wasm32-wasip2";
const OTHERS_BUILD: &str = "asks the network, and takes long; scripts/build-components --examples, before the tests";
/// In blocks of these languages nothing is typed.
const OTHER: [&str; 5] = ["text", "toml", "rust", "js", "json"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The text of a README, by its path in the checkout.
fn read(readme: &str) -> String {
    fs::read_to_string(root().join(readme)).unwrap()
}

/// Adds the READMEs in a folder and below it, but for what others have put there.
fn find(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let others = name.starts_with('.') || ["node_modules", "target"].contains(&name.as_str());
        if name == "README.md" {
            found.insert(path.strip_prefix(root()).unwrap().display().to_string());
        } else if entry.file_type().unwrap().is_dir() && !others {
            find(&path, found);
        }
    }
}

#[test]
fn a_command_in_a_readme_is_run_by_nobody() {
    let (mut readmes, mut shown) = (BTreeSet::new(), BTreeSet::new());
    find(root(), &mut readmes);
    assert!(readmes.len() > 15, "{readmes:?}");
    for readme in &readmes {
        let text = read(readme);
        let walked = demo::READMES.contains(&readme.as_str()) || examples::READMES.contains(&readme.as_str());
        for (language, block) in steps::blocks(&text) {
            match language {
                "sh" => assert!(walked, "{readme} is in no list of READMEs that are walked, and has\n{block}"),
                "console" => shown.extend(
                    block.lines().filter_map(|line| Some((readme.clone(), line.strip_prefix("$ ")?.to_owned()))),
                ),
                _ => assert!(OTHER.contains(&language), "{readme} has a block of {language:?}"),
            }
        }
        let outside = text.split("```").step_by(2).flat_map(str::lines);
        let indented: Vec<_> = outside.filter(|line| line.starts_with("    ")).collect();
        assert!(indented.is_empty(), "{readme} has blocks without a fence, in which commands would hide: {indented:?}");
    }
    let listed = |(readme, commands): &(&str, &[(&str, &str)])| {
        commands.iter().map(|(command, _)| ((*readme).to_owned(), (*command).to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(shown, ONLY_SHOWN.iter().flat_map(listed).collect());
}
