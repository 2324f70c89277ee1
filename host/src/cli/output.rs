//! The only printer: stdout is data, stderr is progress and what went wrong.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::failure;
use crate::app::Addresses;

/// Prints for one run of the program.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// stderr is a terminal and colours are wanted.
    color: bool,
    /// stderr is a terminal.
    interactive: bool,
}

/// What is under way; gone from the screen when dropped.
#[derive(Debug)]
pub struct Progress(Option<ProgressBar>);

/// The line that says where a host serves. Scripts read it: keep its form; what is new comes last.
pub fn ready_line(addresses: &Addresses, services: usize) -> String {
    let Addresses { scheme, gateway, admin, discovery, grpc } = addresses;
    let more = |name: &str, scheme: &str, address: &Option<SocketAddr>| {
        address.map(|address| format!(" {name}={scheme}://{address}")).unwrap_or_default()
    };
    let (discovery, grpc) = (more("discovery", "http", discovery), more("grpc", scheme, grpc));
    format!("ready gateway={scheme}://{gateway} admin=http://{admin} services={services}{discovery}{grpc}")
}

impl Output {
    /// Looks at stderr once.
    pub fn new(no_color: bool) -> Self {
        let interactive = io::stderr().is_terminal();
        Self { color: interactive && !no_color, interactive }
    }

    /// Whether what goes to stderr may be coloured.
    pub fn colored(&self) -> bool {
        self.color
    }

    /// One line of data.
    pub fn line(&self, text: impl Display) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// Data that brings its own line ends.
    pub fn raw(&self, text: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text)?;
        out.flush()
    }

    /// Data for programs, laid out for people.
    pub fn json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        Ok(self.line(serde_json::to_string_pretty(value)?)?)
    }

    /// Data as one line of JSON: for streams.
    pub fn json_line(&self, value: &impl Serialize) -> anyhow::Result<()> {
        Ok(self.line(serde_json::to_string(value)?)?)
    }

    /// Data for people.
    pub fn table(&self, header: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(header.to_vec()).add_rows(rows);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        self.line(table.trim_fmt())
    }

    /// Clears a terminal, for data that is shown again and again. Elsewhere nothing is written.
    pub fn clear(&self) -> io::Result<()> {
        if io::stdout().is_terminal() { self.raw(b"\x1b[H\x1b[2J") } else { Ok(()) }
    }

    /// Something that the user should know beside the data.
    pub fn note(&self, text: impl Display) {
        // A closed stderr is nobody who could be told.
        let _closed = writeln!(anstream::stderr(), "{text}");
    }

    /// Where a tool that we start writes: what it says is no data of ours.
    pub fn for_tools(&self) -> Stdio {
        io::stderr().into()
    }

    /// Shows that work is under way: a spinner on a terminal, a line elsewhere.
    pub fn progress(&self, text: impl Into<String>) -> Progress {
        if !self.interactive {
            self.note(text.into());
            return Progress(None);
        }
        let bar = ProgressBar::new_spinner().with_message(text.into());
        let template = if self.color { "{spinner:.cyan} {msg} {elapsed:.dim}" } else { "{spinner} {msg} {elapsed}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress(Some(bar))
    }

    /// Why the command failed.
    pub(super) fn failure(&self, error: &anyhow::Error) {
        let _closed = write!(anstream::stderr(), "{}", failure::render(error, self.color));
    }

    /// What clap has to say: help and version on stdout, wrong usage on stderr.
    pub(super) fn usage(&self, message: &clap::Error) -> ExitCode {
        let _closed = message.print();
        ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(2))
    }
}

impl Progress {
    /// The next step of the same work.
    pub fn step(&self, text: impl Into<String>) {
        if let Some(bar) = &self.0 {
            bar.set_message(text.into());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_cannot_read_the_ready_line() {
        let [gateway, admin, discovery, grpc] =
            [8080, 7070, 8500, 50051].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let line = "ready gateway=http://127.0.0.1:8080 admin=http://127.0.0.1:7070 services=3";
        let least = Addresses { scheme: "http", gateway, admin, discovery: None, grpc: None };
        assert_eq!(ready_line(&least, 3), line);
        let all = Addresses { discovery: Some(discovery), grpc: Some(grpc), ..least };
        let more = "discovery=http://127.0.0.1:8500 grpc=http://127.0.0.1:50051";
        assert_eq!(ready_line(&all, 3), format!("{line} {more}"));
    }
}
