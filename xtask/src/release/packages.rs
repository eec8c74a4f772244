//! The construct library as both registries take it.

use std::path::{Path, PathBuf};

use crate::{
    cdk_packages,
    files::{copy, files_in},
    package::{self, package_as_before},
    release::{sbom, staging, trial::Trial, version::Version},
    step::{Failure, in_infra, step},
};

/// Packs the library with the functions of `folders` inside; without any, with our own.
pub(crate) fn make(version: &Version, folders: &[PathBuf], into: &Path) -> Result<Vec<Trial>, Failure> {
    let folders = if folders.is_empty() { vec![own_functions()?] } else { absolute(folders)? };
    cdk_packages::install()?;
    let library = staging("library");
    step(
        "packing the construct library",
        in_infra("node").args(["--import", "tsx", "pack-construct.ts"]).args(&folders).arg("--into").arg(&library),
    )?;
    let (js, python) = (library.join("dist/js"), library.join("dist/python"));
    // The packer puts a word of its own into the name.
    let npm = take(&js, ".tgz", &into.join(format!("rollcall-cdk-{}.tgz", version.text())))?;
    let wheel = take(&python, ".whl", into)?;
    take(&python, ".tar.gz", into)?;
    sbom::of_library(version, &npm, into)?;
    Ok(vec![Trial::Npm { package: npm }, Trial::Wheel { package: wheel }])
}

fn own_functions() -> Result<PathBuf, Failure> {
    package_as_before()?;
    Ok(package::folder())
}

/// The packing runs in another folder.
fn absolute(folders: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let absolute = |folder: &PathBuf| {
        folder.canonicalize().map_err(|error| Failure::new(format!("cannot find {}: {error}", folder.display())))
    };
    folders.iter().map(absolute).collect()
}

/// Copies the one file with that ending to another name or into a folder.
fn take(folder: &Path, ending: &str, to: &Path) -> Result<PathBuf, Failure> {
    let ends = |file: &PathBuf| file.to_string_lossy().ends_with(ending);
    let mut found = files_in(folder)?.into_iter().filter(ends);
    let (Some(file), None) = (found.next(), found.next()) else {
        return Err(Failure::new(format!("there should be exactly one `*{ending}` in {}", folder.display())));
    };
    let to = if to.is_dir() { to.join(file.file_name().unwrap_or_default()) } else { to.to_owned() };
    copy(&file, &to).map(|()| to)
}
