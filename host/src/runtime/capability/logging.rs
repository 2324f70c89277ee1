//! `wasi:logging/logging`: lines of the service's log, with a level and a context.

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/wasi-logging-0.1.0-draft",
        inline: "package holm:bindings; world imports { import wasi:logging/logging@0.1.0-draft; }",
        imports: { default: trappable },
    });
}

use bindings::wasi::logging::logging::{Host, Level as Wasi, add_to_linker};
use wasmtime::component::{HasSelf, Linker};

use crate::runtime::guest::Guest;
use crate::telemetry::logs::{LogLevel, LogSource};

impl Host for Guest {
    fn log(&mut self, level: Wasi, context: String, message: String) -> wasmtime::Result<()> {
        let level = match level {
            Wasi::Trace => LogLevel::Trace,
            Wasi::Debug => LogLevel::Debug,
            Wasi::Info => LogLevel::Info,
            Wasi::Warn => LogLevel::Warn,
            Wasi::Error => LogLevel::Error,
            Wasi::Critical => LogLevel::Critical,
        };
        self.island().log.write(LogSource::Log, level, &context, &message);
        Ok(())
    }
}

/// Links the interface.
pub fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}
