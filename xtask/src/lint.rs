//! `cargo xtask lint`: everything that can be said about the code without running it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    files::files_in,
    step::{Failure, build, cargo, in_infra, output_of, program, root, say, step},
};

/// Runs the checks, the cheapest first.
pub(crate) fn lint() -> Result<(), Failure> {
    step("rustfmt", cargo().args(["fmt", "--all", "--check"]))?;
    step("clippy", cargo().args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))?;
    step("rustdoc", cargo().env("RUSTDOCFLAGS", "--deny warnings").args(["doc", "--workspace", "--no-deps"]))?;
    alone()?;
    apart()?;
    build()?;
    let tools = output_of(&mut program("toolbox")?)?;
    dependencies(Path::new(&tools))?;
    workflows(Path::new(&tools))?;
    step("TypeScript", in_infra("npm").args(["run", "--silent", "typecheck"]))?;
    templates(Path::new(&tools))
}

/// A package that is built by itself has its own features only; in the workspace it also has those that others ask of a dependency, which hides what it forgot.
fn alone() -> Result<(), Failure> {
    let packages: BTreeSet<_> = crate::package::FUNCTIONS.iter().map(|function| function.package).collect();
    for package in packages.into_iter().chain(["dlq-replayer"]) {
        step(
            &format!("{package} by itself"),
            cargo().args(["check", "--quiet", "--package", package, "--target-dir", "target/alone"]),
        )?;
    }
    Ok(())
}

/// Programs in Rust outside of the workspace; their own lock files are checked with them.
const APART: [(&str, &str, &str); 2] = [
    ("the example", "docs/examples/first-request/rust/Cargo.toml", "target/example"),
    ("the consumer's peers", "tests/bench/peers/consumer/rust/Cargo.toml", "target/consumer-peers"),
];

fn apart() -> Result<(), Failure> {
    for (name, manifest, target) in APART {
        let with = |command: &str| {
            let mut cargo = cargo();
            cargo.args([command, "--manifest-path", manifest]);
            cargo
        };
        step(&format!("rustfmt of {name}"), with("fmt").arg("--check"))?;
        let lint = ["--locked", "--target-dir", target, "--", "--deny", "warnings"];
        step(&format!("clippy of {name}"), with("clippy").args(lint))?;
    }
    Ok(())
}

/// Licences, bans and sources always; advisories where their database can be had.
fn dependencies(tools: &Path) -> Result<(), Failure> {
    let deny = || {
        let mut command = Command::new(tools.join("cargo-deny"));
        command.current_dir(root()).arg("--workspace");
        command
    };
    step("cargo deny: licences, bans, sources", deny().args(["check", "licenses", "bans", "sources"]))?;
    let fetch = step(
        "cargo deny: fetching the advisory database",
        Command::new(tools.join("cargo-deny")).current_dir(root()).args(["fetch", "db"]),
    );
    if fetch.is_err() {
        say("── the advisory database cannot be had here: advisories are NOT checked");
        return Ok(());
    }
    step("cargo deny: advisories", deny().args(["check", "--disable-fetch", "advisories"]))
}

/// GitHub's own schema for a workflow, and then what is dangerous in one.
fn workflows(tools: &Path) -> Result<(), Failure> {
    let files = files_in(&root().join(".github/workflows"))?;
    step(
        "workflows: schema",
        Command::new(tools.join("check-jsonschema")).args(["--builtin-schema", "vendor.github-workflows"]).args(&files),
    )?;
    step("workflows: zizmor", Command::new(tools.join("zizmor")).args(["--offline", "--quiet"]).args(&files))
}

/// Shapes of the CDK app that together have everything it can make.
const SHAPES: [&[&str]; 3] = [
    &[],
    &["pool=example", "database=aurora", "key=customer", "pre-sign-up=yes", "post-authentication=yes"],
    &["pool=example", "triggers=native", "database=iam", "network=vpc", "migrate=no", "code=bucket"],
];

/// Synthesizes each shape with CDK's own validation, then lints what came out.
fn templates(tools: &Path) -> Result<(), Failure> {
    let folder = root().join("target/template-lint");
    let functions = folder.join("functions");
    crate::package::placeholders(&functions)?;
    for shape in SHAPES {
        let output = folder.join("cdk.out");
        remove(&output)?;
        let name = if shape.is_empty() { "the defaults".to_owned() } else { shape.join(" ") };
        let functions = format!("functions={}", functions.display());
        let context = shape.iter().copied().chain([functions.as_str()]).flat_map(|value| ["--context", value]);
        step(
            &format!("templates of {name}: synthesis and validation"),
            in_infra("npx")
                .args(["--no-install", "cdk", "synth", "--quiet", "--no-lookups", "--no-notices"])
                .args(context)
                .arg("--output")
                .arg(&output),
        )?;
        // There, because its exceptions stand in a file beside the app.
        step(
            &format!("templates of {name}: cfn-lint"),
            in_infra(tools.join("cfn-lint")).arg("--").args(templates_in(&output)?),
        )?;
    }
    Ok(())
}

fn templates_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| Failure::new(format!("cannot read {}: {error}", folder.display()));
    let files = std::fs::read_dir(folder).map_err(unreadable)?;
    let files = files.map(|file| file.map(|file| file.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    Ok(files.into_iter().filter(|file| file.to_string_lossy().ends_with(".template.json")).collect())
}

/// What another shape has left would be linted with this one's name.
fn remove(folder: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::new(format!("cannot remove {}: {error}", folder.display())))
        }
        _ => Ok(()),
    }
}
