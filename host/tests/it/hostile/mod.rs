//! Artifacts that are hostile, and what the host makes of them: an answer that says why not, soon,
//! while what it serves goes on as if nothing had happened.
//!
//! | file | question it answers |
//! | --- | --- |
//! | `artifact` | which components are after those who compile them? |
//! | `mangle` | what becomes of a good one by accident or by a fuzzer? |
//! | `bombs` | what does a component cost that is made to be expensive? |
//! | `bytes` | what is said of bytes that are no component, or almost? |
//! | `compiler` | what has the process that compiles, and what is left of it? |

mod artifact;
mod bombs;
mod bytes;
mod compiler;
mod mangle;

use std::path::Path;
use std::time::{Duration, Instant};

use ::bytes::Bytes;
use http::Method;

use crate::client::{Answer, Client};
use crate::process::{Host, fixture};

/// The longest that a deployment may take on a machine that has much else to do.
const COMPILING: Duration = Duration::from_secs(120);

/// A host that serves `kept`, and its two doors.
#[derive(Clone)]
struct Target {
    host: std::sync::Arc<Host>,
    gateway: Client,
    admin: Client,
    token: String,
}

impl Target {
    /// With limits that are met soon, so that a test need not wait for the real ones. What it
    /// serves was compiled before, without them: a busy machine can be slow.
    fn start(limits: &[&str]) -> Self {
        let host = Host::start();
        host.deploy("kept", "1.0.0", &fixture("counter"), &[]);
        Self::on(Host::start_in(host.terminate().1, limits))
    }

    /// On a host that serves `kept` already.
    fn on(host: Host) -> Self {
        let (gateway, admin) = (Client::new(&host.gateway), Client::new(&host.admin));
        let token = format!("Bearer {}", host.token());
        Self { host: host.into(), gateway, admin, token }
    }

    /// Deploys bytes as they are.
    async fn deploy(&self, service: &str, version: &str, bytes: impl Into<Bytes>) -> Answer {
        let path = format!("/api/services/{service}?version={version}");
        let token = [("authorization", self.token.as_str())];
        let answer = self.admin.try_send_bytes(Method::PUT, &path, &token, bytes.into());
        let answer = tokio::time::timeout(COMPILING, answer).await.expect("a deployment without end");
        answer.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The deployment is refused with a reason, and `kept` serves on.
    async fn refuses(&self, bytes: impl Into<Bytes>, told: &str) {
        let detail = self.refusal(bytes).await;
        assert!(detail.contains(told), "{told:?} is not in {detail}");
    }

    /// Why the host does not take these bytes, while it serves on.
    async fn refusal(&self, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        let size = bytes.len();
        let answer = self.deploy("kept", "2.0.0", bytes).await;
        assert_eq!(answer.status, 422, "{size} bytes: {}", answer.body);
        self.serves().await;
        answer.json()["detail"].as_str().unwrap_or_default().to_owned()
    }

    async fn serves(&self) {
        let answer = self.gateway.get("/kept/").await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "1\n"));
    }

    /// Bytes of memory that the host itself holds.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.host.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// The processes that compile now.
    fn compilers(&self) -> Vec<u32> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.host.pid())).unwrap();
        let children = |thread: &Path| std::fs::read_to_string(thread.join("children")).unwrap_or_default();
        let all: String = threads.map(|thread| children(&thread.unwrap().path())).collect();
        all.split_whitespace().map(|child| child.parse().unwrap()).collect()
    }

    /// The one process that compiles, once there is one.
    async fn compiler(&self) -> u32 {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            if let [compiler] = self.compilers()[..] {
                return compiler;
            }
            assert!(Instant::now() < end, "nothing is compiled: {:?}", self.compilers());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
