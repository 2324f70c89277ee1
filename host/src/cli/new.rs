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
    /// Offers functions that other services call
    Typed,
    /// Handles events
    Events,
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
            Self::Typed => &[
                ("Cargo.toml", include_str!("templates/typed/Cargo.toml.in")),
                ("src/lib.rs", include_str!("templates/typed/src/lib.rs.in")),
                ("wit/world.wit", include_str!("templates/typed/wit/world.wit.in")),
                ("holm.toml", include_str!("templates/typed/holm.toml.in")),
                ("README.md", include_str!("templates/typed/README.md.in")),
                (".gitignore", include_str!("templates/typed/gitignore.in")),
            ],
            Self::Events => &[
                ("Cargo.toml", include_str!("templates/events/Cargo.toml.in")),
                ("src/lib.rs", include_str!("templates/events/src/lib.rs.in")),
                ("wit/world.wit", include_str!("templates/events/wit/world.wit.in")),
                ("wit/deps/holm-events/types.wit", include_str!("../../../wit/holm-events-0.1.0/types.wit")),
                ("wit/deps/holm-events/publisher.wit", include_str!("../../../wit/holm-events-0.1.0/publisher.wit")),
                ("wit/deps/holm-events/handler.wit", include_str!("../../../wit/holm-events-0.1.0/handler.wit")),
                ("holm.toml", include_str!("templates/events/holm.toml.in")),
                ("README.md", include_str!("templates/events/README.md.in")),
                (".gitignore", include_str!("templates/events/gitignore.in")),
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
        context.output.note(format_args!(
            "next: cd {0}, and `holm dev` builds it, runs it, and swaps in what you save; {0}/README.md says more",
            self.name
        ));
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
        let files = [Template::Http, Template::Typed, Template::Events].into_iter().flat_map(Template::files);
        for (path, text) in files {
            let filled = fill_in(text, &name, Builder::Cargo);
            let blank = ["{name}", "{artifact}", "{target}"].into_iter().find(|blank| filled.contains(blank));
            assert_eq!(blank, None, "{path}");
        }
        let manifest = fill_in(Template::Http.files()[2].1, &name, Builder::Cargo);
        assert!(manifest.contains("wasm32-wasip2/release/my_service.wasm"), "{manifest}");
        assert!(manifest.contains("[service.my-service]"), "{manifest}");
    }
}
