//! What is built for one architecture: the functions in one archive, and each command-line tool in its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    architecture::{Architecture, GLIBC, Machine, Plan, choose},
    files::{copy, create, empty, files_in},
    package::{self, FUNCTIONS, Function, package},
    release::{sbom, staging, trial::Trial, version::Version},
    release_build::{Place, build},
    step::{Failure, output_of, root, step},
};

/// What an operator runs; `migrate` is the function's own program, which does the same in a terminal.
const TOOLS: [Function; 2] = [
    Function { name: "dlq-replayer", package: "dlq-replayer", profile: "release", database: false },
    Function { name: "migrate", package: "consumer", profile: "function", database: true },
];

const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// Builds for this machine, because what is made is run afterwards.
pub(crate) fn make(version: &Version, into: &Path) -> Result<Vec<Trial>, Failure> {
    let machine = Machine::look()?;
    let own = machine.own().ok_or_else(|| {
        Failure::new("this machine is neither Linux on x86_64 nor on arm64, so it cannot run what it would build")
    })?;
    let plan = choose(Some(own), &machine).map_err(Failure::new)?;
    let mut trials = vec![functions(version, own, into)?];
    let place = Place::here()?;
    for tool in &TOOLS {
        trials.push(archive_tool(version, tool, &place, &plan, into)?);
    }
    // `migrate` is a function and a tool.
    let programs: Vec<_> = FUNCTIONS
        .iter()
        .map(|function| (function.folder(), function.name))
        .chain([("dlq-replayer", "dlq-replayer")])
        .collect();
    sbom::of_programs(version, own, &programs, into)?;
    Ok(trials)
}

fn functions(version: &Version, own: Architecture, into: &Path) -> Result<Trial, Failure> {
    package(&package::Options::of(own))?;
    let name = format!("rollcall-functions-{}-{}", version.text(), own.name());
    let folder = staged(&name)?;
    for file in files_in(&package::folder())? {
        let to = folder.join(file.file_name().unwrap_or_default());
        if file.is_dir() {
            create(&to)?;
            for inner in files_in(&file)? {
                copy(&inner, &to.join(inner.file_name().unwrap_or_default()))?;
            }
        } else {
            copy(&file, &to)?;
        }
    }
    Ok(Trial::Functions { archive: archive(&folder, into)?, architecture: own })
}

fn archive_tool(version: &Version, tool: &Function, place: &Place, plan: &Plan, into: &Path) -> Result<Trial, Failure> {
    build(place, plan, tool)?;
    let binary = place.binary(plan, tool);
    refuse_unless_it_runs_elsewhere(&binary, place, plan)?;
    let folder = staged(&format!("{}-{}-{}", tool.name, version.text(), plan.architecture.target()))?;
    copy(&binary, &folder.join(tool.name))?;
    Ok(Trial::Tool { archive: archive(&folder, into)?, name: tool.name })
}

/// As a function's binary is looked at: the right machine, no newer glibc, no folder of this machine in it.
fn refuse_unless_it_runs_elsewhere(binary: &Path, place: &Place, plan: &Plan) -> Result<(), Failure> {
    let mut check = Command::new("python3");
    check.arg(root().join("infra/zip-function.py"));
    check.args(["--machine", plan.architecture.name(), "--glibc", GLIBC]);
    for trace in place.traces() {
        check.arg("--without").arg(trace);
    }
    output_of(check.arg(binary)).map(|_| ())
}

/// An empty folder of that name, with the licences in it.
fn staged(name: &str) -> Result<PathBuf, Failure> {
    let folder = staging("archives").join(name);
    empty(&folder)?;
    for licence in LICENCES {
        copy(&root().join(licence), &folder.join(licence))?;
    }
    Ok(folder)
}

/// Archives a folder: the same files give the same bytes, whoever made them and when.
fn archive(folder: &Path, into: &Path) -> Result<PathBuf, Failure> {
    let name = folder.file_name().unwrap_or_default();
    let archive = into.join(format!("{}.tar.gz", name.display()));
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=u+rw,go+r-w"]);
    tar.arg("--use-compress-program=gzip -9 --no-name").arg("--create").arg("--file").arg(&archive);
    tar.arg("--directory").arg(folder.parent().unwrap_or(folder)).arg(name);
    step(&format!("archiving {}", name.display()), &mut tar)?;
    fs::metadata(&archive).map(|_| archive).map_err(|error| Failure::new(format!("there is no archive: {error}")))
}
