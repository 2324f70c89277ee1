//! `holm new`: a crate that builds into a component, with nothing of ours in it.

use std::fs;
use std::path::{Path, PathBuf};

use holm_registry::ServiceName;

use super::Context;
use super::build::Builder;
use super::failure::Failure;

/// Make a new service: a crate, a manifest and a README
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the service and of the folder
    name: ServiceName,
    /// What to start from
    #[arg(long, default_value = "http")]
    template: Template,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Template {
    /// Answers HTTP requests
    Http,
}

impl Template {
    /// Path and text of each file; `{name}`, `{artifact}` and `{target}` are filled in.
    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Http => &[
                ("Cargo.toml", include_str!("templates/http/Cargo.toml.in")),
                ("src/lib.rs", include_str!("templates/http/src/lib.rs.in")),
                ("holm.toml", include_str!("templates/http/holm.toml.in")),
                ("README.md", include_str!("templates/http/README.md.in")),
                (".gitignore", include_str!("templates/http/gitignore.in")),
            ],
        }
    }
}

impl Args {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let dir = PathBuf::from(self.name.as_str());
        refuse_existing(&dir)?;
        let builder = Builder::installed();
        for (path, text) in self.template.files() {
            write(&dir.join(path), &fill_in(text, &self.name, builder))?;
        }
        context.output.note(format_args!("next: cd {0}, `holm build`, then deploy as {0}/README.md says", self.name));
        Ok(context.output.line(dir.display())?)
    }
}

fn refuse_existing(dir: &Path) -> Result<(), Failure> {
    if dir.exists() {
        return Err(Failure::new(format!("{} exists already", dir.display())).so("take another name, or remove it"));
    }
    Ok(())
}

/// Cargo writes `my-service` as `my_service.wasm`.
fn fill_in(text: &str, name: &ServiceName, builder: Builder) -> String {
    let artifact = name.as_str().replace('-', "_");
    text.replace("{target}", builder.target()).replace("{artifact}", &artifact).replace("{name}", name.as_str())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| Failure::new(format!("{} cannot be written", path.display())).because(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_dash_points_the_manifest_at_a_missing_file() {
        let name = "my-service".parse().unwrap();
        for (path, text) in Template::Http.files() {
            let filled = fill_in(text, &name, Builder::Cargo);
            assert!(["{name}", "{artifact}", "{target}"].iter().all(|blank| !filled.contains(blank)), "{path}");
        }
        let manifest = fill_in(Template::Http.files()[2].1, &name, Builder::Cargo);
        assert!(manifest.contains("wasm32-wasip2/release/my_service.wasm"), "{manifest}");
        assert!(manifest.contains("[service.my-service]"), "{manifest}");
    }
}
