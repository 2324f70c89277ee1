//! Server-sent events out of a streaming body.

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::ClientError;
use crate::admin::api::{LogLine, LostLines};

/// Longest event: one log line with its fields, escaped as JSON at the worst.
const MAX_EVENT: usize = 256 * 1024;

/// One event of `/api/logs`.
#[derive(Clone, Debug)]
pub enum LogEvent {
    /// A line.
    Line(LogLine),
    /// We were too slow: so many lines are gone.
    Lost(u64),
}

/// The events of one answer, in order.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    buffer: BytesMut,
}

impl Events {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, buffer: BytesMut::new() }
    }

    /// The next event; `None` when the host has ended the stream.
    pub async fn next(&mut self) -> Result<Option<LogEvent>, ClientError> {
        loop {
            while let Some(block) = take_block(&mut self.buffer) {
                if let Some(event) = parse(&block)? {
                    return Ok(Some(event));
                }
            }
            if self.buffer.len() > MAX_EVENT {
                return Err(ClientError::Unreadable("an event has no end".to_owned()));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.buffer.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Err(ClientError::BrokeOff(error.to_string())),
                None => return Ok(None),
            }
        }
    }
}

/// Everything before the next empty line, which ends an event.
fn take_block(buffer: &mut BytesMut) -> Option<String> {
    let end = buffer.windows(2).position(|pair| pair == b"\n\n")?;
    let block = buffer.split_to(end);
    buffer.advance(2);
    Some(String::from_utf8_lossy(&block).into_owned())
}

/// `None` for comments (the host's keep-alive) and for events of later versions.
fn parse(block: &str) -> Result<Option<LogEvent>, ClientError> {
    let field = |name: &str| block.lines().find_map(|line| Some(line.strip_prefix(name)?.trim_start()));
    let data = field("data:").unwrap_or_default();
    match field("event:") {
        Some("log") => serde_json::from_str(data).map(|line| Some(LogEvent::Line(line))),
        Some("lost") => serde_json::from_str(data).map(|LostLines { lost }| Some(LogEvent::Lost(lost))),
        _ => Ok(None),
    }
    .map_err(ClientError::unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_comes_in_two_pieces_is_lost() {
        let mut buffer = BytesMut::from("event: lost\ndata: {\"lo");
        assert_eq!(take_block(&mut buffer), None);
        buffer.extend_from_slice(b"st\": 3}\n\n: keep-alive\n\n");
        let event = parse(&take_block(&mut buffer).unwrap()).unwrap();
        assert!(matches!(event, Some(LogEvent::Lost(3))), "{event:?}");
        assert!(parse(&take_block(&mut buffer).unwrap()).unwrap().is_none());
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_log_line_looks_different_to_the_client() {
        let text = r#"event: log
data: {"at":"2026-01-01T00:00:00.000Z","service":"users","revision":2,"level":"warn","source":"stderr","message":"x"}"#;
        let Some(LogEvent::Line(line)) = parse(text).unwrap() else { panic!("no line") };
        assert_eq!((line.service.to_string().as_str(), line.revision, line.message.as_str()), ("users", 2, "x"));
    }
}
