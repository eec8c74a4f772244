//! The version that a release has, in all the places that name it.

use crate::{
    files::read,
    step::{Failure, root},
};

/// The word in `CHANGELOG.md` in place of a date.
const UNRELEASED: &str = "unreleased";

/// A version, and what `CHANGELOG.md` says about it.
#[derive(Debug)]
pub(crate) struct Version {
    text: String,
    notes: String,
}

impl Version {
    /// The version of `Cargo.toml`, if everything that names one agrees with it.
    pub(crate) fn of_this_clone(tag: Option<&str>) -> Result<Self, Failure> {
        let file = |name: &str| read(&root().join(name));
        Self::agreed(&file("Cargo.toml")?, &file("infra/construct/package.json")?, &file("CHANGELOG.md")?, tag)
            .map_err(Failure::new)
    }

    fn agreed(workspace: &str, library: &str, changelog: &str, tag: Option<&str>) -> Result<Self, String> {
        let version = version_of_workspace(workspace).ok_or("cannot find the workspace's version in Cargo.toml")?;
        let of_library = version_of_library(library).unwrap_or("not there");
        if of_library != version {
            return Err(format!(
                "the version in Cargo.toml is {version} and the one in infra/construct/package.json {of_library}: make them the same"
            ));
        }
        let Some((heading, notes)) = section(changelog, version) else {
            return Err(format!(
                "CHANGELOG.md has no section `## [{version}]`: write down what a user notices before you release it"
            ));
        };
        match tag {
            Some(tag) if tag != format!("v{version}") => {
                Err(format!("the tag is `{tag}` and the version in Cargo.toml {version}: the tag must be `v{version}`"))
            }
            Some(_) if heading.contains(UNRELEASED) => {
                Err(format!("CHANGELOG.md calls {version} {UNRELEASED}: put the day of the release there"))
            }
            _ => Ok(Self { text: version.to_owned(), notes: notes.trim().to_owned() + "\n" }),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What a release's page says.
    pub(crate) fn notes(&self) -> &str {
        &self.notes
    }
}

fn version_of_workspace(cargo_toml: &str) -> Option<&str> {
    let package = cargo_toml.lines().skip_while(|line| line.trim() != "[workspace.package]").skip(1);
    package.take_while(|line| !line.starts_with('[')).find_map(|line| quoted(line.strip_prefix("version = ")?))
}

/// The first one in the file is the package's own.
fn version_of_library(package_json: &str) -> Option<&str> {
    package_json.lines().find_map(|line| quoted(line.trim().strip_prefix("\"version\": ")?.trim_end_matches(',')))
}

fn quoted(text: &str) -> Option<&str> {
    text.trim().strip_prefix('"')?.strip_suffix('"')
}

/// The heading of a version's section, and what stands below it.
fn section<'a>(changelog: &'a str, version: &str) -> Option<(&'a str, &'a str)> {
    let beginning = format!("## [{version}]");
    let from = changelog
        .match_indices(&beginning)
        .map(|(at, _)| at)
        .find(|&at| changelog.get(..at).is_some_and(|before| before.is_empty() || before.ends_with('\n')))?;
    let (heading, rest) = changelog.get(from..)?.split_once('\n')?;
    Some((heading, rest.split("\n## ").next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str =
        "[workspace]\nmembers = []\n\n[workspace.package]\nversion = \"0.2.0\"\nedition = \"2024\"\n";
    const LIBRARY: &str = "{\n  \"name\": \"rollcall-cdk\",\n  \"version\": \"0.2.0\",\n  \"jsii\": {}\n}\n";
    const CHANGELOG: &str =
        "# Changelog\n\n## [0.2.0] - 2026-12-01\n\n### Added\n\n- More.\n\n## [0.1.0] - 2026-11-30\n\n- All.\n";

    fn refusal(workspace: &str, library: &str, changelog: &str, tag: Option<&str>) -> String {
        Version::agreed(workspace, library, changelog, tag).expect_err("it was taken")
    }

    #[test]
    fn everything_in_this_clone_that_names_a_version_names_the_same() {
        let version = Version::of_this_clone(None).map(|version| version.text);
        assert_eq!(version, Ok(env!("CARGO_PKG_VERSION").to_owned()));
    }

    #[test]
    fn the_notes_of_a_release_are_its_section() {
        let version = Version::agreed(WORKSPACE, LIBRARY, CHANGELOG, Some("v0.2.0")).expect("all agree");
        assert_eq!((version.text(), version.notes()), ("0.2.0", "### Added\n\n- More.\n"));
    }

    #[test]
    fn a_version_without_a_section_is_refused() {
        let older = "# Changelog\n\nText about `## [0.2.0]`.\n\n## [0.1.0] - 2026-11-30\n\n- All.\n";
        assert_eq!(
            refusal(WORKSPACE, LIBRARY, older, None),
            "CHANGELOG.md has no section `## [0.2.0]`: write down what a user notices before you release it"
        );
    }

    #[test]
    fn a_library_of_another_version_is_refused() {
        assert_eq!(
            refusal(WORKSPACE, &LIBRARY.replace("0.2.0", "0.1.9"), CHANGELOG, None),
            "the version in Cargo.toml is 0.2.0 and the one in infra/construct/package.json 0.1.9: make them the same"
        );
    }

    #[test]
    fn a_tag_is_the_version_and_the_version_has_a_day() {
        assert_eq!(
            refusal(WORKSPACE, LIBRARY, CHANGELOG, Some("v0.3.0")),
            "the tag is `v0.3.0` and the version in Cargo.toml 0.2.0: the tag must be `v0.2.0`"
        );
        let undated = CHANGELOG.replace("2026-12-01", "unreleased");
        assert_eq!(
            refusal(WORKSPACE, LIBRARY, &undated, Some("v0.2.0")),
            "CHANGELOG.md calls 0.2.0 unreleased: put the day of the release there"
        );
        assert!(Version::agreed(WORKSPACE, LIBRARY, &undated, None).is_ok(), "a dry run may come before the day");
    }
}
