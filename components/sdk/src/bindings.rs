//! The interfaces of `/wit` that the services use, as Rust, generated here and nowhere else.
//!
//! The package's folder and the world below say everything: add an interface to the world and
//! it is there as a module. `wasi:http` and the rest of WASI 0.2 come from the crate `wasip2`.

wit_bindgen::generate!({
    path: [
        "../../wit/wasi-keyvalue-0.2.0-draft2",
        "../../wit/wasi-config-0.2.0-rc.1",
        "../../wit/wasi-logging-0.1.0-draft",
    ],
    inline: "
        package holm:guest;

        world imports {
            import wasi:keyvalue/store@0.2.0-draft2;
            import wasi:keyvalue/atomics@0.2.0-draft2;
            import wasi:keyvalue/batch@0.2.0-draft2;
            import wasi:config/store@0.2.0-rc.1;
            import wasi:logging/logging@0.1.0-draft;
        }
    ",
    generate_all,
});

pub use self::wasi::{config, keyvalue, logging};
