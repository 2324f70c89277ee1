//! Where the components of a manifest come from: the folders that they are built in, and those that are watched.
//!
//! | a component in | is built by |
//! | --- | --- |
//! | `DIR/target/wasm32-wasip2/release/`, with `DIR/Cargo.toml` | `cargo build` |
//! | `DIR/target/wasm32-wasip1/release/`, with `DIR/Cargo.toml` | `cargo component build` |
//! | any folder of `DIR` with a `package.json` that has a script `build` | `npm run build` |
//! | any other | somebody else: it is swapped in when it changes |

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use holm_registry::manifest::{ComponentSource, Manifest};
use serde_json::Value;

use super::build::Builder;
use super::failure::Failure;
use crate::config::this_program;

/// Folders that hold what is made and not what is written.
const MADE: [&str; 4] = ["target", "node_modules", "dist", "__pycache__"];

/// A folder, and what makes components of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Project {
    dir: PathBuf,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Cargo(Builder),
    Npm,
    /// Nothing of ours: the folder is watched for the component itself.
    Nothing,
}

/// The projects of a manifest, each once.
pub(super) fn projects(manifest: &Manifest) -> Vec<Project> {
    let mut projects = Vec::<Project>::new();
    for spec in manifest.services.values() {
        let ComponentSource::Path(path) = &spec.component else { continue };
        let project = project_of(path);
        if !projects.contains(&project) {
            projects.push(project);
        }
    }
    projects
}

fn project_of(component: &Path) -> Project {
    let folders = || component.ancestors().skip(1);
    let cargo = folders().find_map(|dir| Some(Project { dir: here(dir), how: cargo(dir, component)? }));
    let npm = || folders().find(|dir| has_build_script(dir)).map(|dir| Project { dir: here(dir), how: How::Npm });
    let nothing = || Project { dir: here(component.parent().unwrap_or(component)), how: How::Nothing };
    cargo.or_else(npm).unwrap_or_else(nothing)
}

/// As the folder is named by whoever tells what was saved.
pub(super) fn here(dir: &Path) -> PathBuf {
    let dir = if dir == Path::new("") { Path::new(".") } else { dir };
    std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf())
}

fn cargo(dir: &Path, component: &Path) -> Option<How> {
    let inside: Vec<_> = component.strip_prefix(dir).ok()?.components().map(Component::as_os_str).collect();
    let [target, triple, release, _] = inside[..] else { return None };
    let builder = match triple.to_str()? {
        "wasm32-wasip2" => Builder::Cargo,
        "wasm32-wasip1" => Builder::CargoComponent,
        _ => return None,
    };
    let is_cargos = target == "target" && release == "release" && dir.join("Cargo.toml").is_file();
    is_cargos.then_some(How::Cargo(builder))
}

fn has_build_script(dir: &Path) -> bool {
    let package = fs::read(dir.join("package.json")).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    package.is_some_and(|package| package.pointer("/scripts/build").is_some())
}

impl Project {
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Builds it. What the tool says goes to stderr as it comes.
    pub(super) fn build(&self) -> anyhow::Result<()> {
        match self.how {
            How::Cargo(builder) => builder.run(&self.dir).map(drop),
            How::Npm => npm(&self.dir),
            How::Nothing => Ok(()),
        }
    }

    /// Runs its tests, with further arguments for the tool. Nothing, where no tool is known.
    pub(super) fn test(&self, arguments: &[OsString]) -> anyhow::Result<()> {
        let mut command = match self.how {
            How::Cargo(_) => Command::new("cargo"),
            How::Npm => Command::new("npm"),
            How::Nothing => return Ok(()),
        };
        let what = format!("`{} test`", command.get_program().to_string_lossy());
        // a host in the process of a test has this program compile its components
        command.arg("test").args(arguments).env("HOLM", this_program());
        run(command, &self.dir, &what)
    }

    /// Whether one of these files goes into what is built. What the build itself writes does not.
    pub(super) fn is_touched(&self, saved: &BTreeSet<PathBuf>) -> bool {
        saved.iter().any(|path| path.starts_with(&self.dir) && !self.is_written_by_the_build(path))
    }

    fn is_written_by_the_build(&self, path: &Path) -> bool {
        self.how == How::Cargo(Builder::CargoComponent) && path.ends_with("src/bindings.rs")
    }

    /// The folders with what it is built from.
    pub(super) fn folders(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::from([self.dir.clone()]);
        if self.how != How::Nothing {
            add_folders(&self.dir, &mut found);
        }
        found
    }
}

fn add_folders(dir: &Path, found: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let made = name.to_str().is_none_or(|name| name.starts_with('.') || MADE.contains(&name));
        if !made && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.insert(entry.path());
            add_folders(&entry.path(), found);
        }
    }
}

fn npm(dir: &Path) -> anyhow::Result<()> {
    let mut command = Command::new("npm");
    command.args(["run", "--silent", "build"]);
    run(command, dir, "`npm run build`")
}

fn run(mut command: Command, dir: &Path, what: &str) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.current_dir(dir).status().map_err(|error| {
        Failure::new(format!("{program} does not start")).because(error).so("install it, or add it to the PATH")
    })?;
    if !status.success() {
        return Err(Failure::new(format!("{what} failed in {}", dir.display())).because("see above").into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["crate/src/deep", "crate/target/wasm32-wasip2/release", "crate/.git", "js/dist", "other"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join("crate/Cargo.toml"), "").unwrap();
        fs::write(dir.path().join("js/package.json"), r#"{"scripts": {"build": "true"}}"#).unwrap();
        fs::write(dir.path().join("other/package.json"), r#"{"scripts": {}}"#).unwrap();
        dir
    }

    #[test]
    fn a_component_is_built_in_the_wrong_folder_or_way() {
        let dir = tree();
        let project = |component: &str| {
            let Project { dir: found, how } = project_of(&dir.path().join(component));
            (found.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned(), how)
        };
        let cargo = ("crate".to_owned(), How::Cargo(Builder::Cargo));
        assert_eq!(project("crate/target/wasm32-wasip2/release/x.wasm"), cargo);
        let component = ("crate".to_owned(), How::Cargo(Builder::CargoComponent));
        assert_eq!(project("crate/target/wasm32-wasip1/release/x.wasm"), component);
        assert_eq!(project("crate/x.wasm"), ("crate".to_owned(), How::Nothing), "cargo does not make that one");
        assert_eq!(project("crate/target/wasm32-wasip2/debug/x.wasm").1, How::Nothing);
        assert_eq!(project("js/dist/x.wasm"), ("js".to_owned(), How::Npm));
        assert_eq!(project("other/x.wasm"), ("other".to_owned(), How::Nothing), "there is no script to build it");
    }

    #[test]
    fn what_a_build_writes_is_taken_for_something_saved() {
        let dir = tree();
        let project = project_of(&dir.path().join("crate/target/wasm32-wasip1/release/x.wasm"));
        let folders: Vec<_> = project.folders().into_iter().collect();
        let expected = ["crate", "crate/src", "crate/src/deep"].map(|folder| dir.path().join(folder));
        assert_eq!(folders, expected);
        let saved = |file: &str| project.is_touched(&BTreeSet::from([dir.path().join(file)]));
        assert!(saved("crate/src/deep/a.rs") && saved("crate/Cargo.toml"));
        assert!(!saved("crate/src/bindings.rs") && !saved("js/index.js"));
    }
}
