//! `cargo xtask release --dry-run`: everything that a release holds, as far as this machine can make it, and a trial of each piece.
//!
//! The release itself is made by `.github/workflows/release.yml`, with this very command on a machine of each architecture.

mod checksums;
mod packages;
mod programs;
mod sbom;
mod trial;
mod version;

use std::path::{Path, PathBuf};

use crate::{
    files::{empty, write},
    step::{Failure, root, say},
};
use version::Version;

const WORKFLOW: &str = "releases are made by the workflow `release`, which a tag `v<version>` starts; \
    `cargo xtask release --dry-run` makes here what it would publish, and tries it";

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    dry_run: bool,
    /// None: all of them.
    only: Option<Part>,
    /// The tag that the workflow was started by.
    tag: Option<String>,
    /// Folders as `cargo xtask package` leaves them, to go into the packages. None: our own.
    functions: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Functions and command-line tools, which are for one architecture.
    Programs,
    /// The construct library for both registries, with the functions of every architecture inside.
    Packages,
}

impl Options {
    /// Reads what follows `release`; an error says what is wrong.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut rest = arguments.iter().map(String::as_str);
        while let Some(argument) = rest.next() {
            let mut value = |holds: &str| rest.next().ok_or_else(|| format!("`{argument}` needs {holds}"));
            match argument {
                "--dry-run" => options.dry_run = true,
                "--only" => options.only = Some(Part::named(value("`programs` or `packages`")?)?),
                "--tag" => options.tag = Some(value("a tag, such as `v0.1.0`")?.to_owned()),
                "--functions" => options.functions.push(PathBuf::from(value("a folder")?)),
                other => return Err(format!("`release` has no option `{other}`")),
            }
        }
        Ok(options)
    }

    fn makes(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

impl Part {
    fn named(name: &str) -> Result<Self, String> {
        match name {
            "programs" => Ok(Self::Programs),
            "packages" => Ok(Self::Packages),
            other => Err(format!("`--only` takes `programs` or `packages`, and not `{other}`")),
        }
    }
}

/// A folder for what is made on the way.
fn staging(name: &str) -> PathBuf {
    root().join("target/release-staging").join(name)
}

/// Makes what was asked for into an empty folder, and tries it.
pub(crate) fn release(options: &Options) -> Result<(), Failure> {
    if !options.dry_run {
        return Err(Failure::usage(WORKFLOW));
    }
    // What is cheap and may refuse comes first.
    let version = Version::of_this_clone(options.tag.as_deref())?;
    let into = root().join("target/release-artefacts");
    empty(&into)?;
    let mut trials = Vec::new();
    if options.makes(Part::Programs) {
        trials.extend(programs::make(&version, &into)?);
    }
    if options.makes(Part::Packages) {
        trials.extend(packages::make(&version, &options.functions, &into)?);
    }
    write(&into.join("release-notes.md"), version.notes())?;
    let sums = checksums::write(&into)?;
    for trial in &trials {
        trial.run(&version)?;
    }
    say(&summary(&version, &into, &sums));
    Ok(())
}

fn summary(version: &Version, into: &Path, sums: &str) -> String {
    format!(
        "── a dry run of release {}: nothing was published; what was made is in {}, and each piece was tried\n{sums}",
        version.text(),
        into.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        Options::parse(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn the_workflow_asks_for_one_half_of_a_tag() {
        let asked =
            parse(&["--dry-run", "--only", "packages", "--tag", "v0.1.0", "--functions", "a", "--functions", "b"]);
        let wanted = Options {
            dry_run: true,
            only: Some(Part::Packages),
            tag: Some("v0.1.0".to_owned()),
            functions: vec!["a".into(), "b".into()],
        };
        assert!(wanted.makes(Part::Packages) && !wanted.makes(Part::Programs));
        assert_eq!(asked, Ok(wanted));
        assert!(Options::default().makes(Part::Packages) && Options::default().makes(Part::Programs));
    }

    #[test]
    fn whatever_else_is_asked_for_is_refused() {
        for wrong in
            [&["--only"] as &[_], &["--only", "zips"], &["--tag"], &["--functions"], &["--publish"], &["0.1.0"]]
        {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn without_a_dry_run_nothing_is_made_and_the_workflow_is_named() {
        let Err(refused) = release(&Options::default()) else { unreachable!("it would have published") };
        assert_eq!(refused, Failure::usage(WORKFLOW));
    }
}
