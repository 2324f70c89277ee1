//! Many services on one host: what each costs while nobody asks it, and how quickly one is there.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::holm::{self, Holm, service};
use crate::report::{line, machine, median, memory, table, time};
use crate::{Tools, wrk};

/// Services of one component.
const SHARED: usize = 1_000;
/// Services of a component each.
const DIFFERENT: usize = 100;
/// How often a single deployment is timed.
const SINGLE: usize = 9;

/// Runs the bench.
pub fn run(tools: &Tools) -> anyhow::Result<()> {
    let hello = tools.root.join("examples/guests/hello-wasip2/target/wasm32-wasip2/release/hello_wasip2.wasm");
    let mut rows = table(&["", "figure", "aim"]);
    machine();
    line(format!("component: {} bytes", fs::metadata(&hello)?.len()));

    let (host, per_service, per_second) = many(tools, SHARED, |_| Ok(hello.clone()))?;
    rows.add_row([format!("resident, of {SHARED} services of one component"), kib(per_service), "300 KiB".into()]);
    rows.add_row(["deploys a second, as one set".into(), format!("{per_second:.0}"), String::new()]);
    single(&host, &hello, &mut rows)?;
    let dir = host.stop();
    let begun = Instant::now();
    let host = Holm::start_in(tools, dir)?;
    answer(host.gateway, &format!("/s{}", SHARED - 1))?;
    rows.add_row([format!("start with {SHARED} services, to an answer"), time(begun.elapsed()), "2 s".into()]);
    drop(host);

    let folder = tempfile::tempdir()?;
    let (host, per_service, per_second) =
        many(tools, DIFFERENT, |number| different(&hello, &folder.path().join(format!("{number}.wasm")), number))?;
    rows.add_row([format!("resident, of {DIFFERENT} services of a component each"), kib(per_service), "2 MiB".into()]);
    rows.add_row(["deploys a second, each compiled".into(), format!("{per_second:.1}"), String::new()]);
    drop(host);
    line(rows);
    Ok(())
}

/// A host with `count` services, what each of them added to its memory in KiB, and how many were
/// deployed a second. Each has answered once, and its instances have been given up since.
fn many(
    tools: &Tools,
    count: usize,
    component: impl Fn(usize) -> anyhow::Result<std::path::PathBuf>,
) -> anyhow::Result<(Holm, u64, f64)> {
    let host = Holm::start(tools)?;
    let settings = "instances = { max = 4, warm = 0, idle = \"1s\" }";
    let parts = (0..count).map(|number| Ok(service(&format!("s{number}"), &component(number)?, settings)));
    let manifest = holm::app("density", &parts.collect::<anyhow::Result<Vec<_>>>()?);
    // what the engine and the doors need once
    host.deploy(&holm::app("first", &[service("first", &component(0)?, settings)]))?;
    wrk::run(&host.url("/first"), 4, 1)?;
    let before = host.process.resident()?;
    let begun = Instant::now();
    host.deploy(&manifest)?;
    let took = begun.elapsed();
    for number in 0..count {
        answer(host.gateway, &format!("/s{number}"))?;
    }
    // idle instances go after a second, and the sweep passes every second
    std::thread::sleep(Duration::from_secs(5));
    let added = host.process.resident()?.saturating_sub(before);
    Ok((host, added / count as u64, count as f64 / took.as_secs_f64()))
}

/// From the command to the first answer of a service that was not there.
fn single(host: &Holm, component: &Path, rows: &mut comfy_table::Table) -> anyhow::Result<()> {
    let mut timed = |name: &str, aim: &str, component: &dyn Fn(usize) -> anyhow::Result<std::path::PathBuf>| {
        let mut times = Vec::new();
        for number in 0..SINGLE {
            let service_name = format!("{name}-{number}");
            let manifest =
                holm::app(&service_name, &[service(&service_name, &component(number)?, "instances = { warm = 1 }")]);
            let begun = Instant::now();
            host.deploy(&manifest)?;
            answer(host.gateway, &format!("/{service_name}"))?;
            times.push(begun.elapsed());
        }
        let middle = median(times).unwrap_or_default();
        rows.add_row([format!("deploy to first answer, {name}"), time(middle), aim.to_owned()]);
        anyhow::Ok(())
    };
    timed("cached", "50 ms", &|_| Ok(component.to_owned()))?;
    timed("cold", "", &|number| different(component, &host.file(&format!("cold-{number}.wasm")), SHARED + number))
}

/// Another component of the same code: a custom section of its own gives it a digest of its own.
fn different(component: &Path, to: &Path, number: usize) -> anyhow::Result<std::path::PathBuf> {
    let mut bytes = fs::read(component)?;
    let content = format!("\u{6}number{number:08}");
    bytes.extend([0, u8::try_from(content.len())?]);
    bytes.extend(content.as_bytes());
    fs::write(to, bytes)?;
    Ok(to.to_owned())
}

/// One request, which must be answered with 200.
fn answer(gateway: SocketAddr, path: &str) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(gateway)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).with_context(|| format!("no answer on {path}"))?;
    if &head != b"HTTP/1.1 200" {
        bail!("{path}: {}", String::from_utf8_lossy(&head));
    }
    Ok(())
}

fn kib(kib: u64) -> String {
    if kib < 1024 { format!("{kib} KiB") } else { memory(kib) }
}
