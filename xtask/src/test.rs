//! `cargo xtask test`: every test, and at the end each runner's own closing lines.

use crate::step::{Failure, cargo, in_infra, program, say, step, step_keeping};

/// Runs both runners to their end, so that one failure does not hide another.
pub(crate) fn test() -> Result<(), Failure> {
    let mut closing = Vec::new();
    let rust = step_keeping(
        "Rust tests",
        // Ours too: building them leaves the program that is running as it is.
        cargo().args(["test", "--workspace", "--no-fail-fast"]),
        |line| line.starts_with("test result:") && !line.contains(" 0 passed; 0 failed"),
        &mut closing,
    );
    let cdk = cdk(&mut closing);
    say(&format!("── closing lines\n{}", closing.join("\n")));
    rust.and(cdk)
}

fn cdk(closing: &mut Vec<String>) -> Result<(), Failure> {
    step("installing what the CDK app needs", &mut program("toolbox")?)?;
    step_keeping(
        "CDK tests",
        in_infra("npm").args(["test", "--silent"]),
        // A suite that fails before its first test is in none of the counts.
        |line| ["# tests ", "# pass ", "# fail ", "not ok "].iter().any(|start| line.starts_with(start)),
        closing,
    )
}
