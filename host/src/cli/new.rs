//! `holm new`: a folder that builds into a component, with nothing of ours in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use holm_registry::ServiceName;

use super::Context;
use super::build::Builder;
use super::failure::Failure;

/// Make a new service: its sources, a manifest and a README
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the service and of the folder
    name: ServiceName,
    /// What to start from
    #[arg(long, default_value = "http")]
    template: Template,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Template {
    /// Answers HTTP requests, in Rust
    Http,
    /// Offers functions that other services call, in Rust
    Typed,
    /// Handles events, in Rust
    Events,
    /// Answers HTTP requests, in TypeScript with Hono
    Typescript,
    /// Answers HTTP requests, in Python
    Python,
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
            Self::Typescript => &[
                ("package.json", include_str!("templates/typescript/package.json.in")),
                ("tsconfig.json", include_str!("templates/typescript/tsconfig.json.in")),
                ("src/index.ts", include_str!("templates/typescript/src/index.ts.in")),
                ("src/app.ts", include_str!("templates/typescript/src/app.ts.in")),
                ("test/app.test.js", include_str!("templates/typescript/test/app.test.js.in")),
                ("wit/world.wit", include_str!("templates/typescript/wit/world.wit.in")),
                ("wit/deps/http.wit", include_str!("templates/typescript/wit/http.wit.in")),
                ("holm.toml", include_str!("templates/typescript/holm.toml.in")),
                ("README.md", include_str!("templates/typescript/README.md.in")),
                (".gitignore", include_str!("templates/typescript/gitignore.in")),
            ],
            Self::Python => &[
                ("requirements.txt", include_str!("templates/python/requirements.txt.in")),
                ("build.sh", include_str!("templates/python/build.sh.in")),
                ("test.sh", include_str!("templates/python/test.sh.in")),
                ("src/handler.py", include_str!("templates/python/src/handler.py.in")),
                ("src/app.py", include_str!("templates/python/src/app.py.in")),
                ("test/test_app.py", include_str!("templates/python/test/test_app.py.in")),
                ("wit/world.wit", include_str!("templates/python/wit/world.wit.in")),
                ("wit/deps/http.wit", include_str!("templates/python/wit/http.wit.in")),
                ("wit/deps/io.wit", include_str!("templates/python/wit/io.wit.in")),
                ("holm.toml", include_str!("templates/python/holm.toml.in")),
                ("README.md", include_str!("templates/python/README.md.in")),
                (".gitignore", include_str!("templates/python/gitignore.in")),
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

/// A script may be run.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let is_script = path.extension().is_some_and(|extension| extension == "sh");
    let mode = fs::Permissions::from_mode(if is_script { 0o755 } else { 0o644 });
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .and_then(|()| fs::set_permissions(path, mode))
        .map_err(|error| Failure::new(format!("{} cannot be written", path.display())).because(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_dash_points_the_manifest_at_a_missing_file() {
        let name = "my-service".parse().unwrap();
        for (path, text) in Template::value_variants().iter().flat_map(|template| template.files()) {
            let filled = fill_in(text, &name, Builder::Cargo);
            let blank = ["{name}", "{artifact}", "{target}"].into_iter().find(|blank| filled.contains(blank));
            assert_eq!(blank, None, "{path}");
        }
        let component = |template: Template| {
            let (_, text) = template.files().iter().find(|(path, _)| *path == "holm.toml").unwrap();
            let text = fill_in(text, &name, Builder::Cargo);
            assert!(text.contains("[service.my-service]"), "{text}");
            text.lines().find_map(|line| line.strip_prefix("component = ")).unwrap().to_owned()
        };
        assert_eq!(component(Template::Http), r#""target/wasm32-wasip2/release/my_service.wasm""#);
        assert_eq!(component(Template::Python), r#""dist/my-service.wasm""#);
    }

    #[test]
    fn a_script_of_a_new_service_cannot_be_run() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |file: &str| {
            write(&dir.path().join(file), "").unwrap();
            fs::metadata(dir.path().join(file)).unwrap().permissions().mode() & 0o111
        };
        assert_eq!((mode("build.sh"), mode("src/app.py")), (0o111, 0));
    }
}
