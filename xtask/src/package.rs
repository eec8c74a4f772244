//! `cargo xtask package`: the functions as zip files, ready to deploy.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    architecture::{Architecture, GLIBC, Machine, Plan, choose},
    cdk_packages,
    files::{create, write},
    release_build::{Place, build},
    second_build,
    step::{Failure, in_infra, output_of, root, say, step},
};

/// A function, and what its zip is made of.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// The package that it is a binary of.
    pub(crate) package: &'static str,
    /// The profile of `Cargo.toml` that it is built with.
    pub(crate) profile: &'static str,
    /// Whether it logs in to the database, and so needs the authorities of RDS.
    pub(crate) database: bool,
}

pub(crate) const FUNCTIONS: [Function; 5] = [
    Function { name: "producer", package: "producer", profile: "trigger", database: false },
    Function { name: "pre-sign-up", package: "producer", profile: "trigger", database: false },
    Function { name: "consumer", package: "consumer", profile: "function", database: true },
    Function { name: "migrate", package: "consumer", profile: "function", database: true },
    Function { name: "trigger-wiring", package: "trigger-wiring", profile: "function", database: false },
];

impl Function {
    /// The folder of its package, from the root of the clone.
    pub(crate) fn folder(&self) -> &'static str {
        if self.package == "trigger-wiring" { "infra/trigger-wiring" } else { self.package }
    }
}

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    architecture: Option<Architecture>,
    verify: bool,
}

impl Options {
    pub(crate) fn of(architecture: Architecture) -> Self {
        Self { architecture: Some(architecture), verify: false }
    }

    /// Reads what follows `package`; an error says what is wrong.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut rest = arguments.iter().map(String::as_str);
        while let Some(argument) = rest.next() {
            match argument {
                "--verify" => options.verify = true,
                "--architecture" => {
                    let name = rest.next();
                    let unknown = || {
                        let given = name.map_or_else(|| "nothing".to_owned(), |name| format!("`{name}`"));
                        format!("`--architecture` must be arm64 or x86_64, and not {given}")
                    };
                    options.architecture = Some(name.and_then(Architecture::named).ok_or_else(unknown)?);
                }
                _ => return Err(format!("`package` does not take `{argument}`")),
            }
        }
        Ok(options)
    }
}

/// The folder that the zips are in.
pub(crate) fn folder() -> PathBuf {
    root().join("target/lambda")
}

/// Builds the zips again for the architecture that they were packed for last, so that nothing is made of older code; cargo builds only what has changed.
pub(crate) fn package_as_before() -> Result<(), Failure> {
    let architecture = fs::read_to_string(folder().join("architecture")).ok();
    let architecture = architecture.and_then(|name| Architecture::named(name.trim()));
    package(&architecture.map_or_else(Options::default, Options::of))
}

/// Builds one function at a time, so that none carries another one's features.
pub(crate) fn package(options: &Options) -> Result<(), Failure> {
    let plan = choose(options.architecture, &Machine::look()?).map_err(Failure::new)?;
    say(&format!("── packing for {}", plan.why));
    cdk_packages::install()?;
    let folder = folder();
    let authorities = folder.join("rds");
    create(&authorities)?;
    step(
        "writing the authorities of RDS",
        in_infra("node").args(["--import", "tsx", "rds-authorities.ts"]).arg(&authorities),
    )?;
    let place = Place::here()?;
    for function in &FUNCTIONS {
        build(&place, &plan, function)?;
    }
    // The CDK app reads it, so that nobody has to say again what the zips were built for.
    // While it is not there, the zips are not of one kind.
    let architecture = folder.join("architecture");
    drop(fs::remove_file(&architecture));
    let packed: Vec<_> =
        FUNCTIONS.iter().map(|function| pack(function, &place, &plan, &folder)).collect::<Result<_, _>>()?;
    write(&architecture, &format!("{}\n", plan.architecture.name()))?;
    if options.verify {
        second_build::compare(&place, &plan)?;
    }
    say(&format!("packed for {} into {}:\n{}", plan.architecture.name(), folder.display(), packed.join("\n")));
    Ok(())
}

/// Gives back the zip's hash, size and name as one line.
fn pack(function: &Function, place: &Place, plan: &Plan, folder: &Path) -> Result<String, Failure> {
    let mut command = Command::new("python3");
    command.arg(root().join("infra/zip-function.py"));
    command.args(["--machine", plan.architecture.name(), "--glibc", GLIBC]);
    for trace in place.traces() {
        command.arg("--without").arg(trace);
    }
    if function.database {
        command.arg("--with").arg(folder.join("rds"));
    }
    command.arg(place.binary(plan, function)).arg(folder.join(format!("{}.zip", function.name)));
    output_of(&mut command)
}

/// Zips with nothing inside, for a template that nobody deploys: it does not depend on what is in them.
pub(crate) fn placeholders(folder: &Path) -> Result<(), Failure> {
    create(folder)?;
    write(&folder.join("architecture"), Architecture::X86.name())?;
    FUNCTIONS.iter().try_for_each(|function| write(&folder.join(format!("{}.zip", function.name)), ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        Options::parse(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn an_architecture_is_asked_for_by_lambdas_word_for_it() {
        let arm = Options { architecture: Some(Architecture::Arm64), verify: false };
        assert_eq!(parse(&["--architecture", "arm64"]), Ok(arm));
        assert_eq!(parse(&[]), Ok(Options::default()));
        assert_eq!(parse(&["--verify"]), Ok(Options { architecture: None, verify: true }));
    }

    #[test]
    fn whatever_else_is_asked_for_is_refused() {
        for wrong in [&["--architecture"] as &[_], &["--architecture", "aarch64"], &["arm64"], &["--fast"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
