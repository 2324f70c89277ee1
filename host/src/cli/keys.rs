//! `holm keys`: make keys, sign components, look whether one is signed. Nothing here needs a host.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use holm_registry::Digest;
use holm_registry::signature::PublicKey;

use super::failure::Failure;
use super::{Context, plan, signature_file};
use crate::private_file;
use crate::signing::SecretKey;

/// Make keys and sign components, for hosts that take only signed ones
///
/// A signature is Ed25519 over the line `holm component v1` and the component's digest,
/// `sha256:…`, which stands behind it without a line end.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key: the secret half into a file for you alone, the public half beside it
    New {
        /// File of the secret half; a name without extension gets `.key`
        #[arg(value_name = "NAME|FILE")]
        file: PathBuf,
    },
    /// Sign a component: writes COMPONENT.sig, which `holm deploy` sends along
    Sign {
        /// The .wasm file
        component: PathBuf,
        /// File of the secret key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Look whether a component is signed by a key
    Verify {
        /// The .wasm file
        component: PathBuf,
        /// The public key, or the file that holds it
        #[arg(long, value_name = "ed25519:KEY|FILE")]
        key: String,
        /// File of the signature [default: COMPONENT.sig]
        #[arg(long, value_name = "FILE")]
        signature: Option<PathBuf>,
    },
}

impl Args {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self.command {
            Command::New { file } => new(context, file),
            Command::Sign { component, key } => sign(context, &component, &key),
            Command::Verify { component, key, signature } => verify(context, &component, &key, signature),
        }
    }
}

fn new(context: &Context, mut file: PathBuf) -> anyhow::Result<()> {
    if file.extension().is_none() {
        file.set_extension("key");
    }
    let key = SecretKey::generate()?;
    let secret = format!("{}\n", key.reveal());
    private_file::create(&file, secret.as_bytes()).map_err(|error| cannot_write(&file, error))?;
    let public = file.with_extension("pub");
    fs::write(&public, format!("{}\n", key.public())).map_err(|error| cannot_write(&public, error))?;
    context.output.note(format_args!(
        "the secret key is in {}: keep it where components are released; the public one is in {}",
        file.display(),
        public.display()
    ));
    Ok(context.output.line(key.public())?)
}

fn sign(context: &Context, component: &Path, key: &Path) -> anyhow::Result<()> {
    let digest = Digest::of(&plan::read_component(component)?);
    let key = secret_key(key)?;
    let signature = key.sign(&digest).ok_or_else(|| Failure::new("the key does not sign"))?;
    let path = signature_file::path_of(component);
    fs::write(&path, format!("{signature}\n")).map_err(|error| cannot_write(&path, error))?;
    context.output.note(format_args!("{digest} is signed by {}", key.public()));
    Ok(context.output.line(path.display())?)
}

fn verify(context: &Context, component: &Path, key: &str, file: Option<PathBuf>) -> anyhow::Result<()> {
    let key = public_key(key)?;
    let digest = Digest::of(&plan::read_component(component)?);
    let file = file.unwrap_or_else(|| signature_file::path_of(component));
    let signature = signature_file::read(&file, component, &digest)?;
    if signature.key != key {
        let failure = Failure::new(format!("{} is signed by another key", component.display()));
        return Err(failure.because(format!("by {}, not by {key}", signature.key)).into());
    }
    Ok(context.output.line(format_args!("{digest} is signed by {key}"))?)
}

/// A secret key that others can read is none any more.
fn secret_key(path: &Path) -> Result<SecretKey, Failure> {
    let cannot = || Failure::new(format!("the key in {} cannot be used", path.display()));
    let file = fs::metadata(path)
        .map_err(|error| cannot().because(error).so("name the file that `holm keys new` has written"))?;
    if file.permissions().mode() & 0o077 != 0 {
        let todo = format!("run `chmod 600 {}`, or make a new one if somebody may have read it", path.display());
        return Err(cannot().because("others than its owner may read or write it").so(todo));
    }
    let text = fs::read_to_string(path).map_err(|error| cannot().because(error))?;
    SecretKey::parse(&text).map_err(|error| cannot().because(error))
}

fn public_key(text: &str) -> Result<PublicKey, Failure> {
    let from_file = || fs::read_to_string(text).ok();
    let text = if text.starts_with("ed25519:") { text.to_owned() } else { from_file().unwrap_or(text.to_owned()) };
    text.trim().parse().map_err(|error| Failure::new("there is no public key to compare with").because(error))
}

fn cannot_write(path: &Path, error: std::io::Error) -> Failure {
    let todo = match error.kind() {
        ErrorKind::AlreadyExists => "choose another name, or take the old key away yourself",
        _ => "choose another place",
    };
    Failure::new(format!("{} cannot be written", path.display())).because(error).so(todo)
}
