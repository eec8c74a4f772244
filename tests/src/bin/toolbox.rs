//! `toolbox`: installs what `cargo xtask lint` and `cargo xtask test` need besides cargo and the stack, and prints the folder of the linters.

use std::{
    io::{self, Write},
    process::ExitCode,
};

fn main() -> ExitCode {
    let installed = pipeline_tests::lint_tools::install();
    let done = installed.and_then(|folder| Ok(writeln!(io::stdout(), "{}", folder.display())?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody reads it: nothing to be done.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
