//! `toolbox`: installs what `cargo xtask lint` and `cargo xtask test` need besides cargo and the stack, and prints the folder of the linters.

use std::io::{self, Write};

fn main() -> anyhow::Result<()> {
    let folder = pipeline_tests::lint_tools::install()?;
    writeln!(io::stdout(), "{}", folder.display())?;
    Ok(())
}
