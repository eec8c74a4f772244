//! Bills of materials: what each program and the library are made of.

use std::{path::Path, process::Command};

use crate::{
    architecture::Architecture,
    files::{copy, create, empty, read, write},
    release::{staging, version::Version},
    second_build::copy_sources,
    step::{Failure, cargo, root, step},
};

/// Installed by cargo itself, which does nothing when it is there already.
const CARGO_CYCLONEDX: &str = "0.5.9";

/// One for each program of `(folder of its package, name)`.
pub(crate) fn of_programs(
    version: &Version,
    architecture: Architecture,
    programs: &[(&str, &str)],
    into: &Path,
) -> Result<(), Failure> {
    let tool = staging("tools");
    step(
        "installing cargo-cyclonedx",
        cargo()
            .args(["install", "--quiet", "--locked", "cargo-cyclonedx", "--version"])
            .arg(format!("={CARGO_CYCLONEDX}"))
            .arg("--root")
            .arg(&tool),
    )?;
    // It writes beside each `Cargo.toml`.
    let sources = staging("sources");
    empty(&sources)?;
    copy_sources(&root(), &sources)?;
    step(
        "bills of materials of the programs",
        Command::new(tool.join("bin/cargo-cyclonedx"))
            .current_dir(&sources)
            .args(["cyclonedx", "--format", "json", "--spec-version", "1.5", "--describe", "binaries", "--target"])
            .arg(architecture.target()),
    )?;
    for (folder, program) in programs {
        let bill = read(&sources.join(folder).join(format!("{program}_bin.cdx.json")))?;
        let name = format!("{program}-{}-{}.cdx.json", version.text(), architecture.target());
        write(&into.join(name), &without_the_folder(&bill, &sources))?;
    }
    Ok(())
}

/// Where it was made on this machine is nobody else's business; the binaries have the same name for it.
fn without_the_folder(bill: &str, sources: &Path) -> String {
    bill.replace(&sources.to_string_lossy().into_owned(), "/rollcall")
}

/// One for the construct library: what an app that installs it gets with it today.
pub(crate) fn of_library(version: &Version, package: &Path, into: &Path) -> Result<(), Failure> {
    let tools = staging("npm-tools");
    create(&tools)?;
    for file in ["package.json", "package-lock.json"] {
        copy(&root().join("xtask/release-tools").join(file), &tools.join(file))?;
    }
    // Without its optional packages, which validate what it writes and are ten times its size.
    step("installing cyclonedx-npm", &mut npm(&tools, &["ci", "--omit=optional", "--ignore-scripts"]))?;
    let library = staging("installed-library");
    empty(&library)?;
    let mut unpack = Command::new("tar");
    unpack.arg("--extract").arg("--file").arg(package).arg("--directory").arg(&library);
    step("unpacking the npm package", unpack.args(["--strip-components=1", "package/package.json"]))?;
    // What it is compiled against is also what it asks for, and would be left out with the rest of these.
    step("leaving out what only the build needs", &mut npm(&library, &["pkg", "delete", "devDependencies"]))?;
    step("installing what it asks for", &mut npm(&library, &["install", "--ignore-scripts"]))?;
    step(
        "bill of materials of the construct library",
        Command::new(tools.join("node_modules/.bin/cyclonedx-npm"))
            .current_dir(&library)
            .args(["--spec-version", "1.5", "--mc-type", "library", "--output-reproducible", "--output-file"])
            .arg(into.join(format!("rollcall-cdk-{}.cdx.json", version.text()))),
    )
}

fn npm(folder: &Path, arguments: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args(arguments).args(["--no-audit", "--no-fund"]);
    npm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bill_does_not_say_where_it_was_made() {
        let bill = r#"{"bom-ref": "path+file:///home/ada/rollcall/target/release-staging/sources/consumer#0.1.0"}"#;
        let made = without_the_folder(bill, Path::new("/home/ada/rollcall/target/release-staging/sources"));
        assert_eq!(made, r#"{"bom-ref": "path+file:///rollcall/consumer#0.1.0"}"#);
    }
}
