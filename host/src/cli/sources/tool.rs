//! How a folder is built and tested: with the tool of its language, which is found by the files that it goes by.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::cli::build::Builder;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::config::this_program;

/// Builds a folder of any language.
pub(in crate::cli) const SCRIPT: &str = "build.sh";
/// Tests one.
const TEST: &str = "test.sh";

/// What makes components of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    Cargo(Builder),
    Npm,
    /// A script of the folder, for any language.
    Script,
    /// No known tool: only the component itself is watched.
    Unknown,
}

impl Tool {
    /// What makes this component, if it is made in this folder, for a manifest in the folder `base`.
    pub(super) fn of(dir: &Path, component: &Path, base: &Path) -> Option<Self> {
        let other = || is_within(dir, base).then(|| Self::without_cargo(dir)).flatten();
        cargo(dir, component).map(Self::Cargo).or_else(other)
    }

    /// What a folder is built with that is no crate.
    pub(super) fn without_cargo(dir: &Path) -> Option<Self> {
        let package = has_build_script(&dir.join("package.json")).then_some(Self::Npm);
        package.or_else(|| may_be_run(&dir.join(SCRIPT)).then_some(Self::Script))
    }

    pub(super) fn build(self, dir: &Path, output: Output) -> anyhow::Result<()> {
        match self {
            Self::Cargo(builder) => builder.run(dir).map(drop),
            Self::Npm => {
                if !dir.join("node_modules").is_dir() {
                    output.note(format_args!("`npm install` in {}: it has no node_modules yet", dir.display()));
                    let mut install = Command::new("npm");
                    install.args(["install", "--no-audit", "--no-fund"]).stdout(output.for_tools());
                    run(&mut install, dir, "npm install")?;
                }
                let mut build = Command::new("npm");
                run(build.args(["run", "--silent", "build"]).stdout(output.for_tools()), dir, "npm run build")
            }
            Self::Script => run(Command::new(dir.join(SCRIPT)).stdout(output.for_tools()), dir, SCRIPT),
            Self::Unknown => Ok(()),
        }
    }

    pub(super) fn test(self, dir: &Path, arguments: &[OsString]) -> anyhow::Result<()> {
        let (program, own, call): (PathBuf, &[&str], _) = match self {
            Self::Cargo(_) => ("cargo".into(), &["test"], "cargo test"),
            // what follows is for the script, and not for npm
            Self::Npm => ("npm".into(), &["test", "--"], "npm test"),
            Self::Script if may_be_run(&dir.join(TEST)) => (dir.join(TEST), &[], TEST),
            Self::Script | Self::Unknown => return Ok(()),
        };
        let mut command = Command::new(program);
        // a host in the process of a test has this program compile its components
        run(command.args(own).args(arguments).env("HOLM", this_program()), dir, call)
    }

    /// Whether this file or folder of the project is one that the tool writes beside what it is built from.
    pub(super) fn writes(self, path: &Path) -> bool {
        match self {
            Self::Cargo(Builder::CargoComponent) => path.ends_with("src/bindings.rs"),
            Self::Npm => path.ends_with("package-lock.json") || is_output(path),
            Self::Script => is_output(path),
            Self::Cargo(Builder::Cargo) | Self::Unknown => false,
        }
    }
}

/// Whether a folder is this one or below it, by its name.
fn is_within(dir: &Path, base: &Path) -> bool {
    dir.strip_prefix(base).is_ok_and(|inner| inner.components().all(|part| matches!(part, Component::Normal(_))))
}

/// Whether this is a component, or in a folder `build`, which in a crate may be a module.
fn is_output(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wasm") || path.iter().any(|name| name == "build")
}

fn cargo(dir: &Path, component: &Path) -> Option<Builder> {
    let inside: Vec<_> = component.strip_prefix(dir).ok()?.components().map(Component::as_os_str).collect();
    let [target, triple, release, _] = inside[..] else { return None };
    let builder = match triple.to_str()? {
        "wasm32-wasip2" => Builder::Cargo,
        "wasm32-wasip1" => Builder::CargoComponent,
        _ => return None,
    };
    let is_cargos = target == "target" && release == "release" && dir.join("Cargo.toml").is_file();
    is_cargos.then_some(builder)
}

fn has_build_script(package: &Path) -> bool {
    let package = fs::read(package).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    package.is_some_and(|package| package.pointer("/scripts/build").is_some())
}

fn may_be_run(script: &Path) -> bool {
    fs::metadata(script).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

fn run(command: &mut Command, dir: &Path, call: &str) -> anyhow::Result<()> {
    let status = command.current_dir(dir).status().map_err(|error| {
        let program = command.get_program().display();
        Failure::new(format!("{program} does not start")).because(error).so("install it, or add it to the PATH")
    })?;
    if !status.success() {
        return Err(Failure::new(format!("`{call}` failed in {}", dir.display())).because("see above").into());
    }
    Ok(())
}
