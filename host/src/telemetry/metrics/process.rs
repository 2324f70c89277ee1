//! What the process itself uses, read when somebody asks. Names as in the Prometheus clients.

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

#[derive(Debug)]
pub(super) struct Process {
    resident: Gauge,
    open_files: Gauge,
}

impl Process {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let process = Self { resident: Gauge::default(), open_files: Gauge::default() };
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("holm_build", "The version that runs", build);
        registry.register_with_unit("process_resident_memory", "Memory in RAM", Unit::Bytes, process.resident.clone());
        registry.register("process_open_fds", "Open file descriptors", process.open_files.clone());
        process
    }

    /// Reads both from `/proc`; where there is none they stay 0.
    pub(super) fn update(&self) {
        if let Some(bytes) = std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident_bytes) {
            self.resident.set(bytes);
        }
        if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
            self.open_files.set(i64::try_from(entries.count()).unwrap_or(i64::MAX));
        }
    }
}

/// `VmRSS:   12345 kB`, as in proc(5).
fn resident_bytes(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_the_process_is_misread() {
        assert_eq!(resident_bytes("Name:\tholm\nVmRSS:\t    2048 kB\nThreads:\t4\n"), Some(2 * 1024 * 1024));
        assert_eq!(resident_bytes("Name:\tholm\n"), None);
    }
}
