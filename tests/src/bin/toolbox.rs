//! `toolbox [cdk]`: installs what `cargo xtask lint` and `cargo xtask test` need besides cargo and the stack, and prints the folder of the linters; with `cdk`, the CDK app's packages alone.

use std::io::{self, Write};

fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).is_some_and(|part| part == "cdk") {
        return pipeline_tests::lint_tools::install_cdk();
    }
    let folder = pipeline_tests::lint_tools::install()?;
    writeln!(io::stdout(), "{}", folder.display())?;
    Ok(())
}
