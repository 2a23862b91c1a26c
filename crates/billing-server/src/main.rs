//! The program `billing`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    billing_server::cli::run()
}
