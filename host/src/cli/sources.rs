//! Where the components of a manifest come from: the folders that they are built in, and those that are watched.
//!
//! | a component in | is built by | and tested by |
//! | --- | --- | --- |
//! | `DIR/target/wasm32-wasip2/release/`, with `DIR/Cargo.toml` | `cargo build` | `cargo test` |
//! | `DIR/target/wasm32-wasip1/release/`, with `DIR/Cargo.toml` | `cargo component build` | `cargo test` |
//! | any folder of `OURS` with a `package.json` that has a script `build` | `npm run build` | `npm test` |
//! | any folder of `OURS` with a `build.sh` that may be run | `./build.sh` | `./test.sh`, if there is one |
//! | any other | somebody else: it is swapped in when it changes | nobody |
//!
//! `OURS` is the manifest's folder or one below it, the nearest to the component. A script that lies elsewhere, above
//! the manifest or beside a component that somebody else has built, is not run.
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
/// Folders that hold what is generated, with any tool.
const GENERATED: [&str; 4] = ["target", "node_modules", "dist", "__pycache__"];

/// A folder, and what makes components of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Project {
    dir: PathBuf,
    tool: Tool,
}

/// The projects of the manifest at this path, each once.
pub(super) fn projects(manifest: &Manifest, path: &Path) -> Vec<Project> {
    let base = folder_of(path);
    let mut projects = Vec::<Project>::new();
    for component in components(manifest) {
        let project = Project::of(component, &base);
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

/// The folder of a manifest.
pub(super) fn folder_of(manifest: &Path) -> PathBuf {
    here(manifest.parent().unwrap_or(manifest))
}

/// As the folder is named by whoever tells what was saved.
fn here(dir: &Path) -> PathBuf {
    let dir = if dir == Path::new("") { Path::new(".") } else { dir };
    std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf())
}

impl Project {
    /// What makes a component that a manifest in the folder `base` names.
    fn of(component: &Path, base: &Path) -> Self {
        let component = here(component);
        let built = component.ancestors().skip(1).find_map(|dir| Some((dir, Tool::of(dir, &component, base)?)));
        let (dir, tool) = built.unwrap_or((component.parent().unwrap_or(&component), Tool::Unknown));
        Self { dir: dir.to_path_buf(), tool }
    }

    /// What a folder is that holds no crate; nothing, where nobody knows how to build it.
    pub(super) fn without_cargo(dir: &Path) -> Option<Self> {
        Some(Self { dir: here(dir), tool: Tool::without_cargo(dir)? })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Those components of the manifest at this path that are built here.
    pub(super) fn components(&self, manifest: &Manifest, path: &Path) -> Vec<PathBuf> {
        let base = folder_of(path);
        components(manifest).filter(|component| Self::of(component, &base) == *self).map(here).collect()
    }

    /// Builds it. What the tool says goes to stderr as it comes, since stdout is for the data of the command.
    pub(super) fn build(&self, output: Output) -> anyhow::Result<()> {
        self.tool.build(&self.dir, output)
    }

    /// Runs its tests, with further arguments for the tool, which writes where we do. Nothing, where no tool is known.
    pub(super) fn test(&self, arguments: &[OsString]) -> anyhow::Result<()> {
        self.tool.test(&self.dir, arguments)
    }

    /// Whether one of these files goes into what is built. What the build itself writes does not.
    pub(super) fn is_touched(&self, saved: &BTreeSet<PathBuf>) -> bool {
        saved.iter().filter_map(|path| path.strip_prefix(&self.dir).ok()).any(|path| !self.is_generated(path))
    }

    /// Whether a file or folder of the project is none of its sources.
    fn is_generated(&self, path: &Path) -> bool {
        path.iter().any(|name| name.to_str().is_none_or(is_generated)) || self.tool.writes(path)
    }

    /// The folders with what it is built from.
    pub(super) fn folders(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::from([self.dir.clone()]);
        if self.tool != Tool::Unknown {
            self.add_folders(&self.dir, &mut found);
        }
        found
    }

    fn add_folders(&self, dir: &Path, found: &mut BTreeSet<PathBuf>) {
        let Ok(entries) = fs::read_dir(dir) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let generated = path.strip_prefix(&self.dir).is_ok_and(|path| self.is_generated(path));
            if !generated && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.add_folders(&path, found);
                found.insert(path);
            }
        }
    }
}

/// Whether a file or folder of this name is generated, or hidden.
fn is_generated(name: &str) -> bool {
    name.starts_with('.') || GENERATED.contains(&name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cli::build::Builder;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let folders = [
            "crate/src/build",
            "crate/target/wasm32-wasip2/release",
            "crate/.git",
            "js/dist",
            "other",
            "py/src",
            "py/build",
        ];
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
            let Project { dir: found, tool } = Project::of(&dir.path().join(component), dir.path());
            (found.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned(), tool)
        };
        let cargo = ("crate".to_owned(), Tool::Cargo(Builder::Cargo));
        assert_eq!(project("crate/target/wasm32-wasip2/release/x.wasm"), cargo);
        let component = ("crate".to_owned(), Tool::Cargo(Builder::CargoComponent));
        assert_eq!(project("crate/target/wasm32-wasip1/release/x.wasm"), component);
        assert_eq!(project("crate/x.wasm"), ("crate".to_owned(), Tool::Unknown), "cargo does not make that one");
        assert_eq!(project("crate/target/wasm32-wasip2/debug/x.wasm").1, Tool::Unknown);
        assert_eq!(project("js/dist/x.wasm"), ("js".to_owned(), Tool::Npm));
        assert_eq!(project("py/dist/x.wasm"), ("py".to_owned(), Tool::Script));
        assert_eq!(project("other/x.wasm"), ("other".to_owned(), Tool::Unknown), "there is no script that can be run");
    }

    #[test]
    fn what_a_build_writes_is_taken_for_something_saved() {
        let dir = tree();
        let project = |component: &str| Project::of(&dir.path().join(component), dir.path());
        let krate = project("crate/target/wasm32-wasip1/release/x.wasm");
        let expected = ["crate", "crate/src", "crate/src/build"].map(|folder| dir.path().join(folder));
        assert_eq!(krate.folders().into_iter().collect::<Vec<_>>(), expected);
        let touches = |project: &Project, file: &str| project.is_touched(&BTreeSet::from([dir.path().join(file)]));
        assert!(touches(&krate, "crate/src/build/a.rs") && touches(&krate, "crate/Cargo.toml"));
        assert!(!touches(&krate, "crate/src/bindings.rs") && !touches(&krate, "js/index.js"));
        let [js, py] = ["js/dist/x.wasm", "py/x.wasm"].map(project);
        for generated in ["js/dist", "js/node_modules", "js/package-lock.json", "js/build/wit", "js/x.wasm"] {
            assert!(!touches(&js, generated), "{generated}");
        }
        for generated in ["py/.venv", "py/src/__pycache__", "py/build", "py/x.wasm"] {
            assert!(!touches(&py, generated), "{generated}");
        }
        assert_eq!(py.folders(), BTreeSet::from(["py", "py/src"].map(|folder| dir.path().join(folder))));
        assert!(touches(&js, "js/package.json") && touches(&py, "py/src/app.py") && touches(&py, "py/build.sh"));
        let prebuilt = project("other/x.wasm");
        assert!(touches(&prebuilt, "other/x.wasm"), "a component that somebody else builds is never swapped in");
    }

    #[test]
    fn a_script_that_the_manifest_has_nothing_to_do_with_is_run() {
        let dir = tree();
        let base = dir.path().join("py/src");
        let tool = |component: &str| Project::of(&base.join(component), &base).tool;
        assert_eq!(tool("x.wasm"), Tool::Unknown, "a script above the manifest");
        assert_eq!(tool("../x.wasm"), Tool::Unknown, "the same, by the way of the manifest's folder");
        assert_eq!(tool("../../js/dist/x.wasm"), Tool::Unknown, "a package beside the manifest");
        let cargos = Tool::Cargo(Builder::Cargo);
        assert_eq!(
            tool("../../crate/target/wasm32-wasip2/release/x.wasm"),
            cargos,
            "a crate says itself what it makes"
        );
        assert_eq!(Project::of(&base.join("x.wasm"), &dir.path().join("py")).tool, Tool::Script);
    }

    #[test]
    fn a_build_prints_the_component_of_another_folder() {
        let dir = tree();
        let service =
            |name: &str, path: &str| format!("[service.{name}]\ncomponent = \"{path}\"\nversion = \"1.0.0\"\n");
        let text = ["[app]\nname = \"x\"\n", &service("a", "js/dist/a.wasm"), &service("b", "py/dist/b.wasm")].concat();
        let manifest = Manifest::parse("holm.toml", &text, dir.path(), &|_| None).unwrap();
        let project = Project::without_cargo(&dir.path().join("js")).unwrap();
        assert_eq!(project.components(&manifest, &dir.path().join("holm.toml")), [dir.path().join("js/dist/a.wasm")]);
        assert_eq!(Project::without_cargo(&dir.path().join("other")), None);
    }
}
