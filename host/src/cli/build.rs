//! `holm build`: a component out of a crate, with whatever is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::Context;
use super::failure::Failure;

/// Build the crate in a folder and print where the component lies
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of the crate
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
        if !self.dir.join("Cargo.toml").is_file() {
            let failure = Failure::new(format!("{} holds no Cargo.toml", self.dir.display()));
            return Err(failure.so("name the folder of a crate, or make one with `holm new NAME`").into());
        }
        let builder = Builder::installed();
        context.output.note(format_args!("building with `cargo {}`", builder.arguments().join(" ")));
        let messages = builder.run(&self.dir)?;
        let component = messages.lines().filter_map(component_in).next_back();
        let none = || {
            Failure::new("the build made no component")
                .because("the crate has no library of type cdylib and no program")
                .so("add `[lib]` with `crate-type = [\"cdylib\"]` to its Cargo.toml")
        };
        Ok(context.output.line(component.ok_or_else(none)?)?)
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
