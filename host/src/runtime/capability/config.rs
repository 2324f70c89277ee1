//! `wasi:config/store`, in the three versions that toolchains emit.
//!
//! A service reads its own `config` table and, by name, its secrets. Secrets are never part
//! of a listing.

use crate::runtime::guest::Guest;

fn get(guest: &Guest, key: &str) -> Option<String> {
    let settings = &guest.island().settings;
    settings
        .config
        .get(key)
        .cloned()
        .or_else(|| settings.grants.secrets.get(key).map(|secret| secret.reveal().to_owned()))
}

fn get_all(guest: &Guest) -> Vec<(String, String)> {
    guest.island().settings.config.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// One module per version: the versions differ in their name alone, and a pre-release is
/// matched by its exact name.
macro_rules! version {
    ($module:ident, $path:literal, $world:literal) => {
        mod $module {
            mod bindings {
                wasmtime::component::bindgen!({
                    path: $path,
                    inline: $world,
                    imports: { default: trappable },
                });
            }

            use bindings::wasi::config::store::{Error, Host, add_to_linker};
            use wasmtime::component::{HasSelf, Linker};

            use crate::runtime::guest::Guest;

            impl Host for Guest {
                fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, Error>> {
                    Ok(Ok(super::get(self, &key)))
                }

                fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, Error>> {
                    Ok(Ok(super::get_all(self)))
                }
            }

            pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
                add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
            }
        }
    };
}

version!(
    rc1,
    "../wit/wasi-config-0.2.0-rc.1",
    "package holm:bindings; world imports { import wasi:config/store@0.2.0-rc.1; }"
);
version!(
    draft,
    "../wit/wasi-config-0.2.0-draft",
    "package holm:bindings; world imports { import wasi:config/store@0.2.0-draft; }"
);
version!(
    draft_2024_09_27,
    "../wit/wasi-config-0.2.0-draft-2024-09-27",
    "package holm:bindings; world imports { import wasi:config/store@0.2.0-draft-2024-09-27; }"
);

/// Links all versions.
pub fn link(linker: &mut wasmtime::component::Linker<Guest>) -> wasmtime::Result<()> {
    rc1::link(linker)?;
    draft::link(linker)?;
    draft_2024_09_27::link(linker)
}
