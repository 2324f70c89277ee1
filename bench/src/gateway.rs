//! One route of the shop, with a token, a limit and a rewritten path: Holm, and the gateway and the
//! service that people write with express. Then far more than a limit lets through.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;

use crate::Tools;
use crate::holm::Holm;
use crate::peers::free_address;
use crate::process::Process;
use crate::report::{line, machine, median, memory, ratio, table, time};
use crate::siege;
use crate::wrk::{self, Load};

/// Connections of the load: what a browser's backend keeps open.
const CONNECTIONS: u32 = 32;
/// One turn of a side, and how many each has.
const TURN: u32 = 5;
const TURNS: usize = 3;
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const USER: &str = r#"{"email": "ada@example.com", "name": "Ada"}"#;

/// One side: where its user is, and the processes that answer for it.
struct Side {
    name: &'static str,
    url: String,
    header: String,
    processes: Vec<usize>,
}

/// Runs the bench.
pub fn run(tools: &Tools) -> anyhow::Result<()> {
    let express = tools.express.as_deref().context("this bench needs --express")?;
    let token = token(express)?;
    let (mut processes, gateway) = start_express(tools, express)?;
    let (host, holm, _folder) = start_holm(tools)?;
    processes.push(host);
    let bearer = format!("Authorization: Bearer {token}");
    let made = |address, path: &str| create(address, path, &bearer);
    let sides = [
        side("express", gateway, &made(gateway, "/api/users")?, "/api/users", &bearer, &[0, 1]),
        side("holm, whole chain", holm, &made(holm, "/api/users")?, "/api/users", &bearer, &[2]),
        side("holm, no chain", holm, &made(holm, "/users")?, "/users", &bearer, &[2]),
    ];
    machine();
    line(format!(
        "settings: GET one user by id, the same request on all sides, wrk with one thread and {CONNECTIONS} connections, {TURNS} turns of {TURN} s each, in turn\n\
         express: express-rate-limit, jsonwebtoken, http-proxy-middleware with kept connections; users in memory\n\
         Holm: the users component, whose users are durable; access log, metrics and traces on"
    ));
    let mut loads: Vec<Vec<Load>> = sides.iter().map(|_| Vec::new()).collect();
    for _ in 0..TURNS {
        for (side, loads) in sides.iter().zip(&mut loads) {
            loads.push(wrk::run_with(&side.url, CONNECTIONS, TURN, Some(&side.header))?);
            processes.iter_mut().try_for_each(Process::check)?;
        }
    }
    tell(&sides, &loads, &processes)?;
    let host = processes.last_mut().context("no host")?;
    siege::run(host, holm, "/limited/users")?;
    // the others are answered as before
    made(holm, "/users").map(drop)
}

fn side(name: &'static str, address: SocketAddr, id: &str, path: &str, header: &str, processes: &[usize]) -> Side {
    let url = format!("http://{address}{path}/{id}");
    Side { name, url, header: header.to_owned(), processes: processes.to_vec() }
}

fn tell(sides: &[Side], loads: &[Vec<Load>], processes: &[Process]) -> anyhow::Result<()> {
    let mut rows = table(&["", "req/s", "p50", "p99", "peak memory", "requests"]);
    let mut told = Vec::new();
    for (side, loads) in sides.iter().zip(loads) {
        let requests: u64 = loads.iter().map(|load| load.requests).sum();
        let took: Duration = loads.iter().map(|load| load.took).sum();
        let per_second = requests as f64 / took.as_secs_f64();
        let peaks = side.processes.iter().filter_map(|at| processes.get(*at)).map(Process::peak);
        let peak: u64 = peaks.collect::<anyhow::Result<Vec<u64>>>()?.iter().sum();
        let middle = |of: fn(&Load) -> Duration| median(loads.iter().map(of)).unwrap_or_default();
        rows.add_row([
            side.name.to_owned(),
            format!("{per_second:.0}"),
            time(middle(|load| load.p50)),
            time(middle(|load| load.p99)),
            memory(peak),
            requests.to_string(),
        ]);
        told.push((per_second, peak as f64));
    }
    line(format!("\n{rows}\n"));
    let [express, chain, plain] = told.as_slice() else { bail!("a side was not measured") };
    ratio("rps-vs-express", chain.0 / express.0);
    ratio("memory-vs-express", express.1 / chain.1);
    ratio("chain-vs-plain", chain.0 / plain.0);
    Ok(())
}

fn node(modules: &Path) -> Command {
    let mut command = Command::new("node");
    command.env("NODE_PATH", modules).env("NODE_ENV", "production").env("JWT_SECRET", SECRET);
    command
}

fn token(modules: &Path) -> anyhow::Result<String> {
    let script =
        "console.log(require('jsonwebtoken').sign({ id: 'u-1' }, process.env.JWT_SECRET, { expiresIn: '1h' }))";
    let output = node(modules).args(["-e", script]).output().context("cannot start node")?;
    if !output.status.success() {
        bail!("no token: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The gateway and the service, and where the first listens.
fn start_express(tools: &Tools, modules: &Path) -> anyhow::Result<(Vec<Process>, SocketAddr)> {
    let (gateway, service) = (free_address()?, free_address()?);
    let scripts = tools.root.join("bench/express");
    let start = |name: &str, address: SocketAddr, arguments: &[String]| {
        let mut command = node(modules);
        command.arg(scripts.join(name)).args(arguments);
        let mut process = Process::start(name, &mut command)?;
        process.wait_until("the start", || TcpStream::connect(address).is_ok())?;
        anyhow::Ok(process)
    };
    let users = start("users.cjs", service, &[service.port().to_string()])?;
    let own = start("gateway.cjs", gateway, &[gateway.port().to_string(), service.port().to_string()])?;
    Ok((vec![own, users], gateway))
}

/// The host, and where its gateway listens.
fn start_holm(tools: &Tools) -> anyhow::Result<(Process, SocketAddr, TempDir)> {
    let component = tools.root.join("components/target/wasm32-wasip2/release/users.wasm");
    let host = Holm::start(tools)?;
    host.deploy(&format!(
        "[app]\nname = \"bench\"\n[service.users]\ncomponent = \"{}\"\nversion = \"1.0.0\"\nisolation = \"reuse\"\n\
         limits = {{ queue = 256 }}\n\
         [gateway.auth.jwt]\nsecret = \"{SECRET}\"\nprincipal = \"id\"\nheaders = {{ x-user-id = \"id\" }}\n\
         [gateway.rate.default]\nrequests = 1000000000\nper = \"15m\"\n\
         [gateway.rate.tight]\nrequests = 100\nper = \"15m\"\n\
         [[gateway.route]]\npath = \"/api/users/{{*rest}}\"\nauth = \"jwt\"\nrate = \"default\"\n\
         rewrite = \"/users/{{rest}}\"\nservice = \"users\"\n\
         [[gateway.route]]\npath = \"/limited/{{*rest}}\"\nrate = \"tight\"\nrewrite = \"/{{rest}}\"\nservice = \"users\"\n\
         [[gateway.route]]\npath = \"/users/{{*rest}}\"\nservice = \"users\"\n",
        component.display()
    ))?;
    let gateway = host.gateway;
    let (process, folder) = host.into_parts();
    Ok((process, gateway, folder))
}

/// Makes a user; its id.
fn create(address: SocketAddr, path: &str, header: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let length = USER.len();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: {address}\r\n{header}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{USER}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let id = answer.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next());
    id.map(str::to_owned).with_context(|| format!("no user was made: {answer}"))
}
