//! Where `holm` is. Components are compiled in a process of their own, and that is this program.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// The variable that `holm test` sets.
const VARIABLE: &str = "HOLM";

/// What the variable names; else the program that was built along with the test; else that of the PATH.
pub(crate) fn find() -> Result<PathBuf> {
    let candidates = [named(), built(), on_path()];
    let found = candidates.into_iter().flatten().find(|path| path.is_file());
    found.context("no `holm` is found, which compiles components; run the tests with `holm test`, or set HOLM")
}

fn named() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).map(PathBuf::from)
}

/// A test lies in `target/PROFILE/deps`.
fn built() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    Some(test.ancestors().nth(2)?.join("holm"))
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("holm")).find(|program| program.is_file())
}
