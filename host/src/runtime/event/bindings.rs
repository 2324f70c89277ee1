//! The interfaces of events, as Rust: what publishes and what handles share their types.

/// `holm:events@0.1.0`.
pub mod holm {
    wasmtime::component::bindgen!({
        path: "../wit/holm-events-0.1.0",
        inline: "package holm:bindings; world events {
            import holm:events/publisher@0.1.0;
            export holm:events/handler@0.1.0;
        }",
        imports: { default: trappable },
        exports: { default: async },
    });
}

/// `wasmcloud:messaging@0.2.0`.
pub mod wasmcloud {
    wasmtime::component::bindgen!({
        path: "../wit/wasmcloud-messaging-0.2.0",
        inline: "package holm:bindings; world messaging {
            import wasmcloud:messaging/consumer@0.2.0;
            export wasmcloud:messaging/handler@0.2.0;
        }",
        imports: { default: trappable },
        exports: { default: async },
    });
}
