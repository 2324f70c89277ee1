//! The program `holm`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    holm::cli::main()
}
