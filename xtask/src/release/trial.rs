//! Each piece of a release in an empty folder, used as somebody would who has downloaded it.

use std::{
    env,
    path::{Path, PathBuf},
    process::{self, Command},
};

use crate::{
    architecture::{Architecture, GLIBC},
    files::{create, empty, files_in},
    package::FUNCTIONS,
    release::version::Version,
    step::{Failure, output_of, root, step},
};

/// Something that was made, and how it is tried.
pub(crate) enum Trial {
    /// Each zip holds a program that Lambda can run.
    Functions { archive: PathBuf, architecture: Architecture },
    /// It runs and says its version.
    Tool { archive: PathBuf, name: &'static str },
    /// It is installed into an empty project, and required.
    Npm { package: PathBuf },
    /// It is installed into a fresh virtual environment, and imported.
    Wheel { package: PathBuf },
}

/// Finds the functions as an app would that uses the library.
const REQUIRE: &str = "const { Database, Rollcall, Table } = require('rollcall-cdk'); \
    if ([Database, Rollcall, Table].some((one) => typeof one !== 'function')) process.exit(1); \
    process.stdout.write(require('rollcall-cdk/package.json').version)";

const IMPORT: &str = "from importlib.metadata import version; from rollcall_cdk import Database, Rollcall, Table; \
    print(version('rollcall-cdk'))";

impl Trial {
    pub(crate) fn run(&self, version: &Version) -> Result<(), Failure> {
        // Outside of the clone, where nothing of ours can be found by chance.
        let folder = env::temp_dir().join(format!("rollcall-release-{}", process::id()));
        empty(&folder)?;
        let tried = match self {
            Self::Functions { archive, architecture } => functions(archive, *architecture, &folder),
            Self::Tool { archive, name } => tool(archive, name, version, &folder),
            Self::Npm { package } => npm(package, version, &folder),
            Self::Wheel { package } => wheel(package, version, &folder),
        };
        drop(std::fs::remove_dir_all(&folder));
        tried
    }
}

fn functions(archive: &Path, architecture: Architecture, folder: &Path) -> Result<(), Failure> {
    let unpacked = unpack(archive, folder)?;
    for function in &FUNCTIONS {
        let inside = folder.join(function.name);
        create(&inside)?;
        let zip = unpacked.join(format!("{}.zip", function.name));
        step(
            &format!("unpacking {}", zip.file_name().unwrap_or_default().display()),
            Command::new("python3").args(["-I", "-m", "zipfile", "--extract"]).arg(&zip).arg(&inside),
        )?;
        output_of(
            Command::new("python3")
                .arg(root().join("infra/zip-function.py"))
                .args(["--machine", architecture.name(), "--glibc", GLIBC])
                .arg(inside.join("bootstrap")),
        )?;
    }
    Ok(())
}

fn tool(archive: &Path, name: &str, version: &Version, folder: &Path) -> Result<(), Failure> {
    let unpacked = unpack(archive, folder)?;
    let said = output_of(Command::new(unpacked.join(name)).arg("--version"))?;
    expect(&format!("{name} --version"), &said, &format!("{name} {}", version.text()))
}

fn npm(package: &Path, version: &Version, folder: &Path) -> Result<(), Failure> {
    step(
        "installing the npm package into an empty project",
        Command::new("npm")
            .current_dir(folder)
            .args(["install", "--ignore-scripts", "--no-audit", "--no-fund"])
            .arg(package),
    )?;
    let said = output_of(Command::new("node").current_dir(folder).args(["-e", REQUIRE]))?;
    expect("the npm package", &said, version.text())
}

fn wheel(package: &Path, version: &Version, folder: &Path) -> Result<(), Failure> {
    let environment = folder.join("venv");
    step("making a virtual environment", Command::new("python3").args(["-I", "-m", "venv"]).arg(&environment))?;
    let python = environment.join("bin/python");
    step(
        "installing the wheel into it",
        Command::new(&python).args(["-I", "-m", "pip", "install", "--quiet", "--no-input"]).arg(package),
    )?;
    let said = output_of(
        Command::new(&python)
            .current_dir(folder)
            .args(["-I", "-c", IMPORT])
            .env("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20"),
    )?;
    expect("the wheel", &said, version.text())
}

/// Unpacks an archive, which holds one folder.
fn unpack(archive: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    let name = archive.file_name().unwrap_or_default().display();
    step(
        &format!("trying {name}"),
        Command::new("tar").arg("--extract").arg("--file").arg(archive).arg("--directory").arg(folder),
    )?;
    let mut found = files_in(folder)?.into_iter();
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(Failure::new(format!("{name} should hold exactly one folder"))),
    }
}

fn expect(what: &str, said: &str, wanted: &str) -> Result<(), Failure> {
    if said == wanted {
        return Ok(());
    }
    Err(Failure::new(format!("{what} says `{said}` instead of `{wanted}`")))
}
