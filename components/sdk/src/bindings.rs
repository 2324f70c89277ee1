//! The interfaces of `/wit` that the services use, as Rust, generated here and nowhere else.
//!
//! The package's folder and the world below say everything: add an interface to the world and
//! it is there as a module. `wasi:http` and the rest of WASI 0.2 come from the crate `wasip2`.

wit_bindgen::generate!({
    path: [
        "../../wit/wasi-keyvalue-0.2.0-draft2",
        "../../wit/wasi-config-0.2.0-rc.1",
        "../../wit/wasi-logging-0.1.0-draft",
        "../../wit/holm-events-0.1.0",
    ],
    inline: "
        package holm:guest;

        world imports {
            import wasi:keyvalue/store@0.2.0-draft2;
            import wasi:keyvalue/atomics@0.2.0-draft2;
            import wasi:keyvalue/batch@0.2.0-draft2;
            import wasi:config/store@0.2.0-rc.1;
            import wasi:logging/logging@0.1.0-draft;
            import holm:events/publisher@0.1.0;
        }
    ",
    generate_all,
    // what a handler is given is made of the same types as what a publisher gives
    generate_unused_types: true,
});

/// What a service exports that handles events. It is an export of those components alone that say `export!`.
pub mod handling {
    wit_bindgen::generate!({
        path: "../../wit/holm-events-0.1.0",
        inline: "
            package holm:handling;

            world handling {
                export holm:events/handler@0.1.0;
            }
        ",
        with: { "holm:events/types@0.1.0": crate::bindings::holm::events::types },
        pub_export_macro: true,
        export_macro_name: "export_event_handler",
        default_bindings_module: "holm_guest::bindings::handling",
    });

    pub use self::exports::holm::events::handler;
}

pub use self::holm::events;
pub use self::wasi::{config, keyvalue, logging};
