//! The build of what is deployed: the same source gives the same bytes, in whichever folder and by whomever it is built.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    architecture::{Plan, cargo_build},
    package::Function,
    step::{Failure, output_of, root, step},
};

/// What cargo puts between two flags in `CARGO_ENCODED_RUSTFLAGS`, so that a folder's name may have a space.
const BETWEEN_FLAGS: &str = "\u{1f}";

/// A place to build in.
pub(crate) struct Place {
    pub(crate) clone: PathBuf,
    pub(crate) cargo_home: PathBuf,
}

/// A folder of this machine, and the name that stands for it in the binaries.
struct Renamed {
    folder: PathBuf,
    stands_as: String,
}

impl Place {
    /// This clone, and the cargo home of who has called us.
    pub(crate) fn here() -> Result<Self, Failure> {
        let cargo_home = env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
            .ok_or_else(|| Failure::new("cannot find cargo's folder: set CARGO_HOME"))?;
        Ok(Self { clone: root(), cargo_home })
    }

    /// A folder of its own, so that no other build of this clone is disturbed by other flags.
    fn target(&self) -> PathBuf {
        self.clone.join("target/package")
    }

    /// Where the build leaves a function.
    pub(crate) fn binary(&self, plan: &Plan, function: &Function) -> PathBuf {
        self.target().join(plan.architecture.target()).join(function.profile).join(function.name)
    }

    /// Texts that would stand in a binary if a folder of this machine had come into it.
    /// Longer than the folders themselves: a clone in `/src` is no reason to refuse every binary that has `/src/` in it.
    pub(crate) fn traces(&self) -> Vec<PathBuf> {
        vec![self.target(), self.cargo_home.join("registry"), self.cargo_home.join("git")]
    }

    fn renamed(&self) -> Result<Vec<Renamed>, Failure> {
        let sysroot = output_of(Command::new("rustc").args(["--print", "sysroot"]))?;
        let version = output_of(Command::new("rustc").arg("--version").arg("--verbose"))?;
        Ok(vec![
            Renamed { folder: self.clone.clone(), stands_as: "/rollcall".to_owned() },
            Renamed { folder: self.cargo_home.clone(), stands_as: "/cargo".to_owned() },
            // Only there when the component `rust-src` is; without it the standard library's paths are these already.
            Renamed { folder: Path::new(&sysroot).join("lib/rustlib/src/rust"), stands_as: standard_library(&version) },
        ])
    }
}

/// Builds one function, with its package's features only.
pub(crate) fn build(place: &Place, plan: &Plan, function: &Function) -> Result<(), Failure> {
    let Function { name, package, profile, .. } = function;
    let mut command = cargo_build(plan);
    command
        .current_dir(&place.clone)
        .args(["--profile", profile, "--locked", "--package", package, "--bin", name, "--target-dir"])
        .arg(place.target());
    for (variable, _) in env::vars_os().filter(|(variable, _)| changes_the_bytes(variable)) {
        command.env_remove(variable);
    }
    command
        .env("CARGO_HOME", &place.cargo_home)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_ENCODED_RUSTFLAGS", flags(&place.renamed()?));
    step(&format!("building {name} for release"), &mut command)
}

/// Variables that would change what is built without being part of the source.
fn changes_the_bytes(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CARGO_PROFILE_") || ["RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"].contains(&name.as_ref())
}

fn flags(renamed: &[Renamed]) -> OsString {
    let mut flags = OsString::new();
    for (index, Renamed { folder, stands_as }) in renamed.iter().enumerate() {
        if index > 0 {
            flags.push(BETWEEN_FLAGS);
        }
        flags.push("--remap-path-prefix=");
        flags.push(folder);
        flags.push(format!("={stands_as}"));
    }
    flags
}

/// The folder that the standard library's own files are named below.
fn standard_library(rustc_version: &str) -> String {
    let commit = rustc_version.lines().find_map(|line| line.strip_prefix("commit-hash: "));
    format!("/rustc/{}", commit.unwrap_or("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_gets_its_name_even_with_a_space_in_it() {
        let renamed =
            |folder: &str, stands_as: &str| Renamed { folder: folder.into(), stands_as: stands_as.to_owned() };
        assert_eq!(
            flags(&[renamed("/home/ada/my code", "/rollcall"), renamed("/home/ada/.cargo", "/cargo")]),
            "--remap-path-prefix=/home/ada/my code=/rollcall\u{1f}--remap-path-prefix=/home/ada/.cargo=/cargo"
        );
    }

    #[test]
    fn the_standard_library_is_named_by_its_commit() {
        let said = "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\ncommit-hash: 59807616e1fa\nhost: x";
        assert_eq!(standard_library(said), "/rustc/59807616e1fa");
    }

    #[test]
    fn flags_and_profiles_of_the_callers_shell_have_no_say() {
        for name in ["RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_PROFILE_RELEASE_LTO"] {
            assert!(changes_the_bytes(name.as_ref()), "{name}");
        }
        assert!(!changes_the_bytes("CARGO_HOME".as_ref()));
    }
}
