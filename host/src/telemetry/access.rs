//! The access log: one line for each request from outside.
//!
//! The lines look like those of `tracing` and are switched by the same filter (target
//! `holm::access`), but are written here directly: through its machinery one line costs as much
//! processor time as answering a small request.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::init::LogFormat;
use super::trace::TraceContext;
use super::writer::LineSender;

/// The filter's name for these lines.
pub(super) const TARGET: &str = "holm::access";

static SINK: OnceLock<Sink> = OnceLock::new();

/// Where the lines go, and how they look.
pub(super) struct Sink {
    pub(super) lines: LineSender,
    pub(super) format: LogFormat,
    pub(super) color: bool,
}

/// One request that is over.
#[derive(Debug)]
pub struct AccessLine<'a> {
    /// As asked.
    pub method: &'a str,
    /// As asked, without the query, which may hold secrets.
    pub path: &'a str,
    /// The answer's status.
    pub status: u16,
    /// The path pattern of the rule, if one took the request.
    pub route: Option<&'a str>,
    /// The service that it leads to.
    pub service: Option<&'a str>,
    /// As in `x-request-id`.
    pub request_id: &'a str,
    /// Its place in its trace.
    pub trace: TraceContext,
    /// Bytes of the answer's body that were handed to the connection.
    pub bytes: u64,
    /// From the head of the request to the end of the answer.
    pub duration: Duration,
    /// The answer did not reach its end.
    pub cut: bool,
}

/// Opens the log, once in a process. A closed one takes lines and drops them.
pub(super) fn open(sink: Sink) {
    // the subscriber, which is set at the same time, refuses a second time
    let _ = SINK.set(sink);
}

/// Writes a line, if the log is open.
pub fn write(line: &AccessLine<'_>) {
    thread_local! {
        static BUFFER: RefCell<String> = const { RefCell::new(String::new()) };
    }
    let Some(sink) = SINK.get() else { return };
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        match sink.format {
            LogFormat::Text => line.text(SystemTime::now(), sink.color, buffer),
            LogFormat::Json => line.json(SystemTime::now(), buffer),
        }
        // it never fails: a full buffer drops and counts
        let _ = sink.lines.clone().write_all(buffer.as_bytes());
    });
}

impl AccessLine<'_> {
    /// Piece by piece, since the machinery of `write!` costs several times as much.
    fn text(&self, now: SystemTime, color: bool, out: &mut String) {
        let (dim, green, plain) = if color { ("\x1b[2m", "\x1b[32m", "\x1b[0m") } else { ("", "", "") };
        out.push_str(dim);
        push_time(now, out);
        for piece in [plain, " ", green, " INFO", plain, " ", dim, TARGET, plain, ": method=", self.method, " path="] {
            out.push_str(piece);
        }
        escaped(self.path, out);
        out.push_str(" status=");
        push_number(self.status.into(), out);
        for (name, value) in
            [(" route=", self.route), (" service=", self.service), (" request_id=", Some(self.request_id))]
        {
            if let Some(value) = value {
                out.push_str(name);
                escaped(value, out);
            }
        }
        out.push_str(" trace_id=");
        self.trace.push_trace_id(out);
        out.push_str(" bytes=");
        push_number(self.bytes, out);
        out.push_str(" duration_us=");
        push_number(u64::try_from(self.duration.as_micros()).unwrap_or(u64::MAX), out);
        out.push_str(if self.cut { " cut=true\n" } else { " cut=false\n" });
    }

    fn json(&self, now: SystemTime, out: &mut String) {
        let time = humantime::format_rfc3339_micros(now);
        let Self { method, status, bytes, cut, .. } = self;
        let _ = write!(out, r#"{{"timestamp":"{time}","level":"INFO","method":"{method}","path":"#);
        quoted(self.path, out);
        let _ = write!(out, r#","status":{status}"#);
        for (name, value) in [("route", self.route), ("service", self.service), ("request_id", Some(self.request_id))] {
            if let Some(value) = value {
                let _ = write!(out, r#","{name}":"#);
                quoted(value, out);
            }
        }
        let _ = write!(out, r#","trace_id":"{}","bytes":{bytes}"#, self.trace.trace_id_hex());
        let _ = writeln!(out, r#","duration_us":{},"cut":{cut},"target":"{TARGET}"}}"#, self.duration.as_micros());
    }
}

/// RFC 3339 with microseconds. All but those changes once a second.
fn push_time(now: SystemTime, out: &mut String) {
    thread_local! {
        static SECOND: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
    }
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != since.as_secs() {
            *second = since.as_secs();
            text.clear();
            // writing to a String cannot fail
            let _ = write!(text, "{}", humantime::format_rfc3339_seconds(now));
            text.pop();
        }
        out.push_str(text);
    });
    out.push('.');
    push_digits(since.subsec_micros().into(), 6, out);
    out.push('Z');
}

fn push_number(number: u64, out: &mut String) {
    push_digits(number, 1, out);
}

/// In decimal, with zeros in front up to this many digits.
fn push_digits(mut number: u64, at_least: usize, out: &mut String) {
    // as many as the largest number has
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        if number == 0 && used >= at_least {
            break;
        }
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        used += 1;
    }
    let text = digits.get(digits.len() - used..).and_then(|digits| str::from_utf8(digits).ok());
    out.push_str(text.unwrap_or_default());
}

/// In quotes, as Rust's `Debug` has it. Nearly every text is plain, and then nothing is looked at twice.
fn escaped(text: &str, out: &mut String) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        let _ = write!(out, "{text:?}");
    }
}

fn quoted(text: &str, out: &mut String) {
    // a string always has a JSON form
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: AccessLine<'_> = AccessLine {
        method: "GET",
        path: "/a\"\u{1b}[2J",
        status: 200,
        route: Some("/{x}"),
        service: None,
        request_id: "id-1",
        trace: TraceContext { trace_id: 0xabc, span_id: 1, flags: 1 },
        bytes: 12,
        duration: Duration::from_micros(34),
        cut: false,
    };

    #[test]
    fn a_path_can_write_its_own_line_or_move_the_terminals_cursor() {
        let mut text = String::new();
        LINE.text(UNIX_EPOCH, false, &mut text);
        assert_eq!(
            text,
            "1970-01-01T00:00:00.000000Z  INFO holm::access: method=GET path=\"/a\\\"\\u{1b}[2J\" status=200 \
             route=\"/{x}\" request_id=\"id-1\" trace_id=00000000000000000000000000000abc bytes=12 duration_us=34 cut=false\n"
        );
    }

    #[test]
    fn a_line_is_written_with_another_time_or_number_than_the_machinery_would() {
        let at = |nanos| UNIX_EPOCH + Duration::from_nanos(nanos);
        for now in [0, 999, 1_000, 999_999_999, 1_000_000_000, 1_795_363_200_007_040_000, 1_795_363_200_999_999_999] {
            let mut text = String::new();
            push_time(at(now), &mut text);
            assert_eq!(text, humantime::format_rfc3339_micros(at(now)).to_string());
        }
        for number in [0, 7, 10, 99, 100, 123_456_789, u64::MAX] {
            let mut text = String::new();
            push_number(number, &mut text);
            assert_eq!(text, number.to_string());
        }
    }

    #[test]
    fn a_collector_cannot_read_the_line() {
        let mut text = String::new();
        LINE.json(UNIX_EPOCH, &mut text);
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            read,
            serde_json::json!({
                "timestamp": "1970-01-01T00:00:00.000000Z", "level": "INFO", "target": "holm::access",
                "method": "GET", "path": "/a\"\u{1b}[2J", "status": 200, "route": "/{x}", "request_id": "id-1",
                "trace_id": "00000000000000000000000000000abc", "bytes": 12, "duration_us": 34, "cut": false,
            })
        );
        assert!(text.ends_with("}\n"));
    }
}
