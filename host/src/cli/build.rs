//! `holm build`: a component out of a folder, with whatever is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::failure::Failure;
use super::output::Output;
use super::sources::{MANIFEST, Project, SCRIPT};
use super::{Context, plan};

/// Build what is in a folder and print where the component lies
///
/// A crate is built with cargo; a folder with a package.json that has a script `build` with npm, after `npm install`
/// where that is missing; a folder of any other language with its build.sh. Of the latter two, holm.toml says where
/// the component lies.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// The two ways to the same kind of component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builder {
    /// `cargo component`, where it is installed: it also takes crates with a `wit/` folder.
    CargoComponent,
    /// Plain cargo.
    Cargo,
}

impl Args {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        if self.dir.join("Cargo.toml").is_file() {
            return Ok(context.output.line(self.build_crate(context.output)?)?);
        }
        let project = Project::without_cargo(&self.dir).ok_or_else(|| {
            Failure::new(format!("{} holds nothing that can be built", self.dir.display()))
                .because(format!("no Cargo.toml, no package.json with a script `build`, no {SCRIPT} that may be run"))
                .so("name the folder of a service, or make one with `holm new NAME`")
        })?;
        for component in self.build_project(&project, context.output)? {
            context.output.line(component.display())?;
        }
        Ok(())
    }

    fn build_crate(&self, output: Output) -> anyhow::Result<String> {
        let builder = Builder::installed();
        output.note(format_args!("building with `cargo {}`", builder.arguments().join(" ")));
        let messages = builder.run(&self.dir)?;
        let component = messages.lines().filter_map(component_in).next_back();
        let none = || {
            Failure::new("the build made no component")
                .because("the crate has no library of type cdylib and no program")
                .so("add `[lib]` with `crate-type = [\"cdylib\"]` to its Cargo.toml")
        };
        Ok(component.ok_or_else(none)?)
    }

    /// Its manifest is read first: a build may take a minute.
    fn build_project(&self, project: &Project, output: Output) -> anyhow::Result<Vec<PathBuf>> {
        let path = self.dir.join(MANIFEST);
        let components = project.components(&plan::read_manifest(&path)?, &path);
        if components.is_empty() {
            let failure = Failure::new(format!("{} names no component that is built here", path.display()));
            return Err(failure.so("say where the build puts it: component = \"dist/NAME.wasm\"").into());
        }
        project.build(output)?;
        match components.iter().find(|component| !component.is_file()) {
            Some(missing) => {
                let failure = Failure::new(format!("the build made no {}", missing.display()));
                let todo = format!("let the build write it, or name in {} what it writes", path.display());
                Err(failure.so(todo).into())
            }
            None => Ok(components),
        }
    }
}

impl Builder {
    /// The one that `holm build` takes on this machine.
    pub(super) fn installed() -> Self {
        let mut asked = Command::new("cargo");
        asked.args(["component", "--version"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if asked.status().is_ok_and(|status| status.success()) { Self::CargoComponent } else { Self::Cargo }
    }

    /// The folder below `target/` where it puts components.
    pub(super) fn target(self) -> &'static str {
        match self {
            Self::CargoComponent => "wasm32-wasip1",
            Self::Cargo => "wasm32-wasip2",
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::CargoComponent => &["component", "build", "--release"],
            Self::Cargo => &["build", "--target", "wasm32-wasip2", "--release"],
        }
    }

    /// Cargo's messages. What it has to say to people goes to stderr as it comes.
    pub(super) fn run(self, dir: &Path) -> anyhow::Result<String> {
        let mut command = Command::new("cargo");
        command.args(self.arguments()).arg("--message-format=json-render-diagnostics").current_dir(dir);
        let output = command.stderr(Stdio::inherit()).output().map_err(|error| {
            Failure::new("cargo does not start").because(error).so("install Rust from https://rustup.rs")
        })?;
        if !output.status.success() {
            return Err(Failure::new("the build failed").because("see above").so(self.hint()).into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn hint(self) -> &'static str {
        match self {
            Self::CargoComponent => {
                "mend the crate; if it uses WASI 0.3 or async exports, which cargo component cannot build, run `cargo \
                 build --target wasm32-wasip2 --release` instead"
            }
            Self::Cargo => "mend the crate; if the target is missing, run `rustup target add wasm32-wasip2`",
        }
    }
}

/// The .wasm in one of cargo's JSON messages.
fn component_in(message: &str) -> Option<String> {
    let message: Value = serde_json::from_str(message).ok()?;
    let files = message.get("filenames")?.as_array()?;
    files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_component_is_not_found_among_cargos_messages() {
        let artifact = r#"{"reason":"compiler-artifact","filenames":["/t/libx.rlib","/t/x.wasm"]}"#;
        assert_eq!(component_in(artifact).as_deref(), Some("/t/x.wasm"));
        assert_eq!(component_in(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(component_in("not json"), None);
    }
}
