//! Holm's side: a host with an empty data directory of its own.

use std::fmt::Write;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::Tools;
use crate::peers::free_address;
use crate::process::Process;

/// How often an instance is used, on all sides that reuse them.
pub const REUSE: &str = "128";

/// A running host.
pub struct Holm {
    /// Its process.
    pub process: Process,
    /// Where it takes requests.
    pub gateway: SocketAddr,
    admin: SocketAddr,
    program: PathBuf,
    dir: TempDir,
}

impl Holm {
    /// A host on an empty data directory, ready to serve.
    pub fn start(tools: &Tools) -> anyhow::Result<Self> {
        Self::start_in(tools, tempfile::tempdir()?)
    }

    /// A host on `dir`, ready to serve.
    pub fn start_in(tools: &Tools, dir: TempDir) -> anyhow::Result<Self> {
        Self::start_with(tools, dir, &[])
    }

    /// A host on `dir`, with further arguments for `holm up`.
    pub fn start_with(tools: &Tools, dir: TempDir, arguments: &[&str]) -> anyhow::Result<Self> {
        let (gateway, admin) = (free_address()?, free_address()?);
        let mut command = Command::new(&tools.holm);
        // the access log is on, as it is for everybody
        command.args(["up", "--data"]).arg(dir.path().join("data"));
        command.args(arguments).args(["--listen", &gateway.to_string(), "--admin", &admin.to_string()]);
        let mut process = Process::start("holm", &mut command)?;
        process.wait_until("the start", || TcpStream::connect(gateway).is_ok() && ready(admin))?;
        Ok(Self { process, gateway, admin, program: tools.holm.clone(), dir })
    }

    /// The process, and the folder to keep for as long as it runs.
    pub fn into_parts(self) -> (Process, TempDir) {
        (self.process, self.dir)
    }

    /// Ends the host and gives its folder back.
    pub fn stop(mut self) -> TempDir {
        self.process.stop();
        self.dir
    }

    /// Runs the command line against this host.
    pub fn cli(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let output = Command::new(&self.program)
            .args(arguments)
            .env("HOLM_ADMIN_URL", format!("http://{}", self.admin))
            .env("HOLM_DATA", self.dir.path().join("data"))
            .output()?;
        if !output.status.success() {
            bail!("holm {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(output)
    }

    /// Deploys a manifest.
    pub fn deploy(&self, manifest: &str) -> anyhow::Result<()> {
        let path = self.dir.path().join("holm.toml");
        fs::write(&path, manifest)?;
        self.cli(&["deploy", path.to_str().context("the path is no text")?])?;
        Ok(())
    }

    /// A file of its own folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What `/metrics` says now.
    pub fn metrics(&self) -> anyhow::Result<String> {
        get(self.admin, "/metrics")
    }

    /// What the gateway answers on a path, with 200.
    pub fn ask(&self, path: &str) -> anyhow::Result<String> {
        get(self.gateway, path)
    }

    /// The address of a path on the gateway.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway)
    }
}

fn ready(admin: SocketAddr) -> bool {
    get(admin, "/readyz").is_ok()
}

/// One GET over a connection of its own; the body of a 200.
fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    use std::io::{Read, Write};
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    if !head.starts_with("HTTP/1.1 200") {
        bail!("{path}: {}", head.lines().next().unwrap_or_default());
    }
    Ok(body.to_owned())
}

/// A manifest of these parts.
pub fn app(name: &str, parts: &[String]) -> String {
    format!("[app]\nname = \"{name}\"\n{}", parts.concat())
}

/// The part of a manifest that deploys `component` as `name` behind `/name`. `settings` are further
/// lines of its section.
pub fn service(name: &str, component: &Path, settings: &str) -> String {
    let mut text = String::new();
    let path = component.display();
    // writing to a String cannot fail
    let _ = write!(
        text,
        "[service.{name}]\ncomponent = \"{path}\"\nversion = \"1.0.0\"\n{settings}\n\
         [[gateway.route]]\npath = \"/{name}\"\nrewrite = \"/\"\nservice = \"{name}\"\n"
    );
    text
}
