//! `COMPONENT.sig`: the signature of a component, in a file beside it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use holm_registry::Digest;
use holm_registry::signature::Signature;

use super::failure::Failure;
use crate::signing::is_right;

/// `users.wasm.sig` for `users.wasm`.
pub(super) fn path_of(component: &Path) -> PathBuf {
    let mut path = component.as_os_str().to_owned();
    path.push(".sig");
    path.into()
}

/// The signature in the file beside a component, if there is one.
pub(super) fn beside(component: &Path, digest: &Digest) -> Result<Option<Signature>, Failure> {
    let path = path_of(component);
    if path.exists() { read(&path, component, digest).map(Some) } else { Ok(None) }
}

/// The signature in a file, which must be one of this component.
pub(super) fn read(path: &Path, component: &Path, digest: &Digest) -> Result<Signature, Failure> {
    let cannot = || Failure::new(format!("the signature in {} cannot be used", path.display()));
    let sign = || format!("sign it with `holm keys sign {} --key FILE`", component.display());
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => cannot().because(error).so(sign()),
        _ => cannot().because(error),
    })?;
    let signature: Signature = text.trim().parse().map_err(|error| cannot().because(error).so(sign()))?;
    match is_right(&signature, digest) {
        true => Ok(signature),
        false => Err(cannot()
            .because(format!("it is not one of {} as it is now ({digest})", component.display()))
            .so(format!("{}, or delete {}", sign(), path.display()))),
    }
}
