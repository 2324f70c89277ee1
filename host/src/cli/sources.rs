//! Where the components of a manifest come from: the folders that they are built in, and those that are watched.
//!
//! | a component in | is built by | and tested by |
//! | --- | --- | --- |
//! | `DIR/target/wasm32-wasip2/release/`, with `DIR/Cargo.toml` | `cargo build` | `cargo test` |
//! | `DIR/target/wasm32-wasip1/release/`, with `DIR/Cargo.toml` | `cargo component build` | `cargo test` |
//! | any folder of `DIR` with a `package.json` that has a script `build` | `npm run build` | `npm test` |
//! | any folder of `DIR` with a `build.sh` that may be run | `./build.sh` | `./test.sh`, if there is one |
//! | any other | somebody else: it is swapped in when it changes | nobody |
//!
//! | file | question it answers |
//! | --- | --- |
//! | `tool` | how is a folder built and tested? |
//! | this one | which folders are there, and what was saved in them? |

mod tool;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use holm_registry::manifest::{ComponentSource, Manifest};

pub(super) use self::tool::SCRIPT;
use self::tool::Tool;
use super::output::Output;

/// Where a project has its manifest.
pub(super) const MANIFEST: &str = "holm.toml";
/// Folders that hold what is made and not what is written.
const MADE: [&str; 4] = ["target", "node_modules", "dist", "__pycache__"];

/// A folder, and what makes components of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Project {
    dir: PathBuf,
    tool: Tool,
}

/// The projects of a manifest, each once.
pub(super) fn projects(manifest: &Manifest) -> Vec<Project> {
    let mut projects = Vec::<Project>::new();
    for component in components(manifest) {
        let project = Project::of(component);
        if !projects.contains(&project) {
            projects.push(project);
        }
    }
    projects
}

fn components(manifest: &Manifest) -> impl Iterator<Item = &Path> {
    manifest.services.values().filter_map(|spec| match &spec.component {
        ComponentSource::Path(path) => Some(path.as_path()),
        _ => None,
    })
}

/// The folder that a component is built in, if we know how.
pub(super) fn folder_of(component: &Path) -> Option<&Path> {
    component.ancestors().skip(1).find(|dir| Tool::of(dir, component).is_some())
}

/// As the folder is named by whoever tells what was saved.
pub(super) fn here(dir: &Path) -> PathBuf {
    let dir = if dir == Path::new("") { Path::new(".") } else { dir };
    std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf())
}

impl Project {
    fn of(component: &Path) -> Self {
        let dir = folder_of(component).or(component.parent()).unwrap_or(component);
        Self { dir: here(dir), tool: Tool::of(dir, component).unwrap_or(Tool::None) }
    }

    /// What a folder is that holds no crate; nothing, where nobody knows how to build it.
    pub(super) fn without_cargo(dir: &Path) -> Option<Self> {
        Some(Self { dir: here(dir), tool: Tool::without_cargo(dir)? })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Those components of a manifest that are built here.
    pub(super) fn components(&self, manifest: &Manifest) -> Vec<PathBuf> {
        components(manifest).filter(|component| Self::of(component) == *self).map(here).collect()
    }

    /// Builds it. What the tool says goes to stderr as it comes.
    pub(super) fn build(&self, output: Output) -> anyhow::Result<()> {
        self.tool.build(&self.dir, output)
    }

    /// Runs its tests, with further arguments for the tool. Nothing, where no tool is known.
    pub(super) fn test(&self, arguments: &[OsString]) -> anyhow::Result<()> {
        self.tool.test(&self.dir, arguments)
    }

    /// Whether one of these files goes into what is built. What the build itself writes does not.
    pub(super) fn is_touched(&self, saved: &BTreeSet<PathBuf>) -> bool {
        saved.iter().filter_map(|path| path.strip_prefix(&self.dir).ok()).any(|path| !self.is_made(path))
    }

    /// Whether a file of this folder is written by its build.
    fn is_made(&self, path: &Path) -> bool {
        path.iter().any(|name| name.to_str().is_none_or(is_made)) || self.tool.writes(path)
    }

    /// The folders with what it is built from.
    pub(super) fn folders(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::from([self.dir.clone()]);
        if self.tool != Tool::None {
            add_folders(&self.dir, &mut found);
        }
        found
    }
}

/// Whether a file or folder of this name is none that somebody writes.
fn is_made(name: &str) -> bool {
    name.starts_with('.') || MADE.contains(&name)
}

fn add_folders(dir: &Path, found: &mut BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let made = name.to_str().is_none_or(is_made);
        if !made && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.insert(entry.path());
            add_folders(&entry.path(), found);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cli::build::Builder;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let folders =
            ["crate/src/deep", "crate/target/wasm32-wasip2/release", "crate/.git", "js/dist", "other", "py/src"];
        for folder in folders {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let write = |file: &str, text: &str| fs::write(dir.path().join(file), text).unwrap();
        write("crate/Cargo.toml", "");
        write("js/package.json", r#"{"scripts": {"build": "true"}}"#);
        write("other/package.json", r#"{"scripts": {}}"#);
        write("other/build.sh", "");
        write("py/build.sh", "");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(dir.path().join("py/build.sh"), executable).unwrap();
        dir
    }

    #[test]
    fn a_component_is_built_in_the_wrong_folder_or_way() {
        let dir = tree();
        let project = |component: &str| {
            let Project { dir: found, tool } = Project::of(&dir.path().join(component));
            (found.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned(), tool)
        };
        let cargo = ("crate".to_owned(), Tool::Cargo(Builder::Cargo));
        assert_eq!(project("crate/target/wasm32-wasip2/release/x.wasm"), cargo);
        let component = ("crate".to_owned(), Tool::Cargo(Builder::CargoComponent));
        assert_eq!(project("crate/target/wasm32-wasip1/release/x.wasm"), component);
        assert_eq!(project("crate/x.wasm"), ("crate".to_owned(), Tool::None), "cargo does not make that one");
        assert_eq!(project("crate/target/wasm32-wasip2/debug/x.wasm").1, Tool::None);
        assert_eq!(project("js/dist/x.wasm"), ("js".to_owned(), Tool::Npm));
        assert_eq!(project("py/dist/x.wasm"), ("py".to_owned(), Tool::Script));
        assert_eq!(project("other/x.wasm"), ("other".to_owned(), Tool::None), "there is no script that can be run");
    }

    #[test]
    fn what_a_build_writes_is_taken_for_something_saved() {
        let dir = tree();
        let project = Project::of(&dir.path().join("crate/target/wasm32-wasip1/release/x.wasm"));
        let folders: Vec<_> = project.folders().into_iter().collect();
        let expected = ["crate", "crate/src", "crate/src/deep"].map(|folder| dir.path().join(folder));
        assert_eq!(folders, expected);
        let touches = |project: &Project, file: &str| project.is_touched(&BTreeSet::from([dir.path().join(file)]));
        assert!(touches(&project, "crate/src/deep/a.rs") && touches(&project, "crate/Cargo.toml"));
        assert!(!touches(&project, "crate/src/bindings.rs") && !touches(&project, "js/index.js"));
        let [js, py] = ["js/dist/x.wasm", "py/dist/x.wasm"].map(|component| Project::of(&dir.path().join(component)));
        for made in ["js/dist", "js/node_modules", "js/package-lock.json"] {
            assert!(!touches(&js, made), "{made}");
        }
        assert!(!touches(&py, "py/.venv") && !touches(&py, "py/src/__pycache__"));
        assert!(touches(&js, "js/package.json") && touches(&py, "py/src/app.py") && touches(&py, "py/build.sh"));
        let prebuilt = Project::of(&dir.path().join("other/x.wasm"));
        assert!(touches(&prebuilt, "other/x.wasm"), "a component that somebody else builds is never swapped in");
    }

    #[test]
    fn a_build_prints_the_component_of_another_folder() {
        let dir = tree();
        let service =
            |name: &str, path: &str| format!("[service.{name}]\ncomponent = \"{path}\"\nversion = \"1.0.0\"\n");
        let text = ["[app]\nname = \"x\"\n", &service("a", "js/dist/a.wasm"), &service("b", "py/dist/b.wasm")].concat();
        let manifest = Manifest::parse("holm.toml", &text, dir.path(), &|_| None).unwrap();
        let project = Project::without_cargo(&dir.path().join("js")).unwrap();
        assert_eq!(project.components(&manifest), [dir.path().join("js/dist/a.wasm")]);
        assert_eq!(Project::without_cargo(&dir.path().join("other")), None);
    }
}
