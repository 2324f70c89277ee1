//! What a process did to its files, read from strace's record of it (`-f -y -xx`).

use std::collections::HashMap;

/// System calls that are recorded: all that change a file or say something.
pub(super) const CALLS: &str = "open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,ftruncate,\
                                fallocate,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat";

/// One moment of the record.
#[derive(Debug)]
pub(super) enum Event {
    /// A file was opened that may be new.
    Opened { path: String, emptied: bool },
    /// From now on some of these bytes may be on disk.
    WriteBegan { call: usize, path: String, offset: u64, data: Vec<u8> },
    /// Now all of them are in the page cache.
    WriteDone { call: usize },
    /// A sync has begun: it covers what was in the page cache by now.
    SyncBegan { call: usize, path: String },
    /// What it covers is on disk.
    SyncDone { call: usize },
    /// A file has another length.
    Resized { path: String, len: u64 },
    /// A name leads to another file, or to none.
    Renamed { from: String, to: String },
    /// A name is gone.
    Removed { path: String },
    /// The process has said something to the outside.
    Said(String),
}

/// A call under way.
struct Call {
    number: usize,
    name: String,
    arguments: String,
}

/// Reads a whole record.
pub(super) fn parse(record: &str) -> Vec<Event> {
    let mut parser = Parser::default();
    record.lines().for_each(|line| parser.line(line));
    parser.events
}

#[derive(Default)]
struct Parser {
    events: Vec<Event>,
    /// By thread.
    open: HashMap<String, Call>,
    /// How far `write` has come in each file, by descriptor.
    positions: HashMap<String, u64>,
    calls: usize,
}

impl Parser {
    fn line(&mut self, line: &str) {
        let Some((thread, rest)) = line.split_once(' ') else { return };
        let rest = rest.trim_start();
        if rest.starts_with("---") || rest.starts_with("+++") {
            return;
        }
        if rest.starts_with("<...") {
            let call = self.open.remove(thread).unwrap_or_else(|| panic!("nothing to resume: {rest:.100}"));
            return self.end(&call, result(rest));
        }
        let (name, arguments) = rest.split_once('(').unwrap_or_else(|| panic!("not a call: {rest:.100}"));
        self.calls += 1;
        let call = Call { number: self.calls, name: name.to_owned(), arguments: arguments.to_owned() };
        self.begin(&call);
        match rest.ends_with("<unfinished ...>") {
            true => _ = self.open.insert(thread.to_owned(), call),
            false => self.end(&call, result(rest)),
        }
    }

    fn begin(&mut self, call: &Call) {
        let (number, arguments) = (call.number, call.arguments.as_str());
        match call.name.as_str() {
            "write" if descriptor(arguments) == "1" => {
                let said = String::from_utf8_lossy(&strings(arguments).concat()).into_owned();
                self.events.push(Event::Said(said));
            }
            "write" | "pwrite64" => {
                let data = strings(arguments).concat();
                let written = self.positions.get(descriptor(arguments)).copied().unwrap_or_default();
                let offset = if call.name == "write" { written } else { last_number(arguments) };
                self.events.push(Event::WriteBegan { call: number, path: path(arguments), offset, data });
            }
            "fsync" | "fdatasync" => self.events.push(Event::SyncBegan { call: number, path: path(arguments) }),
            _ => {}
        }
    }

    fn end(&mut self, call: &Call, result: i64) {
        let arguments = call.arguments.as_str();
        if result < 0 {
            let expected = ["open", "openat", "unlink"].contains(&call.name.as_str());
            assert!(expected, "{} failed, which no test of a power cut knows: {result}", call.name);
            return;
        }
        let mut names = strings(arguments).into_iter().map(|name| String::from_utf8(name).unwrap());
        let mut name = || names.next().unwrap();
        match call.name.as_str() {
            "open" | "openat" => {
                self.positions.insert(result.to_string(), 0);
                if arguments.contains("O_CREAT") {
                    self.events.push(Event::Opened { path: name(), emptied: arguments.contains("O_TRUNC") });
                }
            }
            "write" if descriptor(arguments) == "1" => {}
            "write" | "pwrite64" => {
                *self.positions.entry(descriptor(arguments).to_owned()).or_default() += result.unsigned_abs();
                self.events.push(Event::WriteDone { call: call.number });
            }
            "fsync" | "fdatasync" => self.events.push(Event::SyncDone { call: call.number }),
            "ftruncate" => self.events.push(Event::Resized { path: path(arguments), len: last_number(arguments) }),
            "rename" | "renameat" | "renameat2" => self.events.push(Event::Renamed { from: name(), to: name() }),
            "unlink" | "unlinkat" => self.events.push(Event::Removed { path: name() }),
            other => panic!("{other} is a call that no test of a power cut knows"),
        }
    }
}

/// What a call answered: behind the last ` = `.
fn result(line: &str) -> i64 {
    let text = line.rsplit_once(" = ").map_or("", |(_, result)| result);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(text.len());
    text[..end].parse().unwrap_or_else(|_| panic!("no result: {line:.100}"))
}

/// The number of the file that a call is about: `3<…>, …`.
fn descriptor(arguments: &str) -> &str {
    arguments.split('<').next().unwrap()
}

/// The name of the file that a call is about.
fn path(arguments: &str) -> String {
    let inside = arguments.split_once('<').and_then(|(_, rest)| rest.split_once('>')).unwrap().0;
    String::from_utf8(bytes(inside)).unwrap()
}

/// What stands in quotes.
fn strings(arguments: &str) -> Vec<Vec<u8>> {
    assert!(!arguments.contains("\"..."), "strace has cut a text off");
    arguments.split('"').skip(1).step_by(2).map(bytes).collect()
}

/// `\x61\x62` as bytes.
fn bytes(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    let (all, rest) = text.as_bytes().as_chunks::<4>();
    assert!(rest.is_empty(), "not hexadecimal: {text:.40}");
    all.iter().map(|[_, _, high, low]| digit(*high) << 4 | digit(*low)).collect()
}

/// The number at the end of the arguments.
fn last_number(arguments: &str) -> u64 {
    let end = arguments.rfind(')').or(arguments.rfind(" <unfinished")).unwrap();
    let all = arguments[..end].trim_end();
    let begin = all.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    all[begin..].parse().unwrap_or_else(|_| panic!("no number at the end of {all:.60}"))
}
