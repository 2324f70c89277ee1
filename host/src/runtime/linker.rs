//! Everything that a guest may import, linked once for all services.

use wasmtime::Engine;
use wasmtime::component::Linker;

use super::capability;
use super::guest::Guest;

/// The interfaces that the host provides, as `inspect` and the error for a missing import
/// name them. A test holds the list against the linker.
pub const PROVIDED: &[&str] = &[
    "wasi:cli/environment@0.2.12",
    "wasi:cli/exit@0.2.12",
    "wasi:cli/stderr@0.2.12",
    "wasi:cli/stdin@0.2.12",
    "wasi:cli/stdout@0.2.12",
    "wasi:cli/terminal-input@0.2.12",
    "wasi:cli/terminal-output@0.2.12",
    "wasi:cli/terminal-stderr@0.2.12",
    "wasi:cli/terminal-stdin@0.2.12",
    "wasi:cli/terminal-stdout@0.2.12",
    "wasi:clocks/monotonic-clock@0.2.12",
    "wasi:clocks/wall-clock@0.2.12",
    "wasi:filesystem/preopens@0.2.12",
    "wasi:filesystem/types@0.2.12",
    "wasi:http/outgoing-handler@0.2.12",
    "wasi:http/types@0.2.12",
    "wasi:io/error@0.2.12",
    "wasi:io/poll@0.2.12",
    "wasi:io/streams@0.2.12",
    "wasi:random/insecure@0.2.12",
    "wasi:random/insecure-seed@0.2.12",
    "wasi:random/random@0.2.12",
    "wasi:sockets/instance-network@0.2.12",
    "wasi:sockets/ip-name-lookup@0.2.12",
    "wasi:sockets/network@0.2.12",
    "wasi:sockets/tcp@0.2.12",
    "wasi:sockets/tcp-create-socket@0.2.12",
    "wasi:sockets/udp@0.2.12",
    "wasi:sockets/udp-create-socket@0.2.12",
    "wasi:cli/environment@0.3.0",
    "wasi:cli/exit@0.3.0",
    "wasi:cli/stderr@0.3.0",
    "wasi:cli/stdin@0.3.0",
    "wasi:cli/stdout@0.3.0",
    "wasi:cli/terminal-input@0.3.0",
    "wasi:cli/terminal-output@0.3.0",
    "wasi:cli/terminal-stderr@0.3.0",
    "wasi:cli/terminal-stdin@0.3.0",
    "wasi:cli/terminal-stdout@0.3.0",
    "wasi:cli/types@0.3.0",
    "wasi:clocks/monotonic-clock@0.3.0",
    "wasi:clocks/system-clock@0.3.0",
    "wasi:clocks/types@0.3.0",
    "wasi:filesystem/preopens@0.3.0",
    "wasi:filesystem/types@0.3.0",
    "wasi:http/client@0.3.0",
    "wasi:http/types@0.3.0",
    "wasi:random/insecure@0.3.0",
    "wasi:random/insecure-seed@0.3.0",
    "wasi:random/random@0.3.0",
    "wasi:sockets/ip-name-lookup@0.3.0",
    "wasi:sockets/types@0.3.0",
    "wasi:keyvalue/atomics@0.2.0-draft",
    "wasi:keyvalue/batch@0.2.0-draft",
    "wasi:keyvalue/store@0.2.0-draft",
    "wasi:keyvalue/atomics@0.2.0-draft2",
    "wasi:keyvalue/batch@0.2.0-draft2",
    "wasi:keyvalue/store@0.2.0-draft2",
    "wasi:config/store@0.2.0-rc.1",
    "wasi:config/store@0.2.0-draft",
    "wasi:config/store@0.2.0-draft-2024-09-27",
    "wasi:logging/logging@0.1.0-draft",
    "wasmcloud:messaging/consumer@0.2.0",
    "wasmcloud:messaging/types@0.2.0",
    "holm:events/publisher@0.1.0",
    "holm:events/types@0.1.0",
    "holm:caller/caller@0.1.0",
];

/// A linker with every capability. A 0.3 guest imports 0.2 interfaces too, so both are there
/// for everybody.
///
/// # Errors
/// When two capabilities claim the same name: a mistake of ours.
pub fn build(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    capability::config::link(&mut linker)?;
    capability::keyvalue::link(&mut linker)?;
    capability::logging::link(&mut linker)?;
    capability::events::link(&mut linker)?;
    capability::caller::link(&mut linker)?;
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{compile, engine};

    #[test]
    fn the_list_of_what_is_provided_names_an_interface_that_is_not_linked() {
        let engine = engine::build(100).unwrap();
        let linker = build(&engine).unwrap();
        for name in PROVIDED {
            // a component that imports the interface, empty, and nothing else
            let mut wasm = b"\0asm\x0d\0\x01\0".to_vec();
            wasm.extend([7, 3, 1, 0x42, 0]); // type section: one empty instance type
            let mut import = vec![1, 0, u8::try_from(name.len()).unwrap()];
            import.extend(name.as_bytes());
            import.extend([5, 0]);
            wasm.extend([10, u8::try_from(import.len()).unwrap()]);
            wasm.extend(import);
            let code = compile::compile(&engine, &wasm).unwrap_or_else(|error| panic!("{name}: {error}"));
            let component = compile::load(&engine, &code).unwrap();
            assert!(linker.instantiate_pre(&component).is_ok(), "{name} is listed but not linked");
        }
    }
}
