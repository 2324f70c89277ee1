//! HTTP/2 as attackers speak it: frames by hand.

use std::time::Duration;

use holm::gateway::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::door::{Host, within};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// RFC 9113 section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A head as HPACK writes it without any compression (RFC 7541 section 6.2.2).
fn block(path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    // GET, http, then `:path` and `:authority` by their places in the static table
    let mut block = [vec![0x82, 0x86, 0x04], text(path), vec![0x01], text("shop.test")].concat();
    for (name, value) in fields {
        block.extend([vec![0x00], text(name), text(value)].concat());
    }
    block
}

struct Raw(TcpStream);

impl Raw {
    async fn connect(host: &Host, settings: &[u8]) -> Self {
        let mut stream = TcpStream::connect(host.address).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, settings)).await.unwrap();
        Self(stream)
    }

    /// Fails when the host has closed.
    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes).await
    }

    /// The next frame; `None` when the host has closed.
    async fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
    }

    /// Reads until the host says goodbye or closes; the error that it names.
    async fn goodbye(&mut self) -> Option<u32> {
        let mut error = None;
        while let Some((kind, .., payload)) = within(self.next()).await {
            if kind == GOAWAY {
                error = payload.get(4..8).map(|code| u32::from_be_bytes(code.try_into().unwrap()));
            }
        }
        error
    }
}

async fn serves(host: &Host) {
    let answer = host.ask("GET /a HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_client_opens_and_resets_streams_without_end() {
    let host = Host::start(Limits::default());
    let mut client = Raw::connect(&host, &[]).await;
    let (mut sent, head) = (0, block("/held/x", &[]));
    for stream in (1..40_000).step_by(2) {
        let open = frame(HEADERS, END_STREAM | END_HEADERS, stream, &head);
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        if client.send(&[open, reset].concat()).await.is_err() {
            break;
        }
        sent += 1;
    }
    // 11: ENHANCE_YOUR_CALM
    let error = client.goodbye().await;
    assert!(error.is_none_or(|error| error == 11), "{error:?} after {sent}");
    let reached = host.reached.lock().unwrap().len();
    assert!(reached < 2_000, "{reached} of {sent} reached the service");
    serves(&host).await;
}

#[tokio::test]
async fn a_head_that_goes_on_for_ever_fills_the_memory() {
    let host = Host::start(Limits::default());
    let mut client = Raw::connect(&host, &[]).await;
    client.send(&frame(HEADERS, END_STREAM, 1, &block("/a", &[]))).await.unwrap();
    let filler = block("/a", &[("x-a", &"a".repeat(100))])[block("/a", &[]).len()..].repeat(100);
    let mut sent = 0;
    // a client that does not stop by itself; what comes behind the goodbye is read to nowhere
    while sent < 16 << 20 && client.send(&frame(CONTINUATION, 0, 1, &filler)).await.is_ok() {
        sent += filler.len();
    }
    // 11: ENHANCE_YOUR_CALM; or the goodbye is lost because the client goes on sending
    let error = client.goodbye().await;
    assert!(error.is_none_or(|error| error == 11), "{error:?} after {sent}");
    assert!(host.reached.lock().unwrap().is_empty());
    serves(&host).await;
}

#[tokio::test]
async fn a_small_head_becomes_a_large_one() {
    let host = Host::start(Limits::default());
    let mut client = Raw::connect(&host, &[]).await;
    // one field of 3000 bytes into the table, then a thousand times by its number
    let long = "a".repeat(3000);
    let length = [0x7f, 0xb9, 0x16];
    let mut head = [block("/a", &[]), vec![0x40, 0x03], b"x-a".to_vec(), length.to_vec(), long.into_bytes()].concat();
    head.extend([0xbe; 1000]);
    client.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &head)).await.unwrap();
    let answer = within(async {
        loop {
            match client.next().await {
                Some((HEADERS, _, 1, head)) => return Some(head),
                Some((RST_STREAM, ..) | (GOAWAY, ..)) | None => return None,
                Some(_) => {}
            }
        }
    })
    .await;
    // 431 is written as a literal; anything but a reset must be that
    assert!(answer.is_none_or(|head| head.windows(3).any(|text| text == b"431")));
    assert!(host.reached.lock().unwrap().is_empty());
    serves(&host).await;
}

#[tokio::test]
async fn pings_and_settings_without_end_are_answered_without_end() {
    let host = Host::start(Limits { write_stall: Duration::from_millis(300), ..Limits::default() });
    for flood in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])] {
        let mut client = Raw::connect(&host, &[]).await;
        // never reads, so what it is owed piles up: some hundred kilobytes, then it is cut off
        let flooding = async {
            let many = flood.repeat(1000);
            while client.send(&many).await.is_ok() {}
        };
        within(flooding).await;
        serves(&host).await;
    }
}

#[tokio::test]
async fn a_stream_that_takes_nothing_holds_an_instance() {
    let host = Host::start(Limits { write_stall: Duration::from_millis(300), ..Limits::default() });
    // SETTINGS_INITIAL_WINDOW_SIZE 0: the host may send heads, and no bytes
    let mut client = Raw::connect(&host, &[0, 4, 0, 0, 0, 0]).await;
    client.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block("/large", &[]))).await.unwrap();
    // it is alive all the time
    let alive = async {
        while client.send(&frame(PING, 0, 0, &[0; 8])).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(alive).await;
    assert_eq!(host.ended.lock().unwrap().len(), 1);
    serves(&host).await;
}

#[tokio::test]
async fn empty_frames_without_end_are_read_without_end() {
    let host = Host::start(Limits::default());
    let mut client = Raw::connect(&host, &[]).await;
    let head = [vec![0x83], block("/a", &[])[1..].to_vec()].concat();
    client.send(&frame(HEADERS, END_HEADERS, 1, &head)).await.unwrap();
    let many = frame(DATA, 0, 1, &[]).repeat(1000);
    let mut sent = 0;
    while sent < 100 && client.send(&many).await.is_ok() {
        sent += 1;
    }
    serves(&host).await;
}

#[tokio::test]
async fn a_field_with_a_line_end_becomes_two() {
    let host = Host::start(Limits::default());
    for fields in [
        &[("x-a", "1\r\nx-b: 2")][..],
        &[("x-a\r\nx-b", "1")],
        &[("X-Upper", "1")],
        &[("connection", "close")],
        &[("transfer-encoding", "chunked")],
        &[("te", "gzip")],
        &[("host", "other.test")],
        &[("content-length", "5")],
    ] {
        let mut client = Raw::connect(&host, &[]).await;
        client.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block("/a", fields))).await.unwrap();
        let refused = within(async {
            loop {
                match client.next().await {
                    // a status of 4xx: `:status` 400 has a place of its own, others are literals
                    Some((HEADERS, _, 1, head)) => {
                        return head.first() == Some(&0x8c) || head.windows(1).any(|b| b == b"4");
                    }
                    Some((RST_STREAM, ..) | (GOAWAY, ..)) | None => return true,
                    Some(_) => {}
                }
            }
        })
        .await;
        assert!(refused, "{fields:?}");
    }
    assert_eq!(*host.reached.lock().unwrap(), [] as [&str; 0]);
}
