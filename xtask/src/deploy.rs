//! `cargo xtask deploy`: from the source to a real account, what is cheap and may fail first.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::{
    cdk_arguments::{Shares, share_out},
    cdk_packages,
    files::create,
    package::{self, package, placeholders},
    step::{Failure, in_infra, root, say, step},
};

const NO_ACCOUNT: &str = "the cdk CLI can reach no AWS account, and nothing has been built: \
    sign in first (`aws sso login`, `aws configure`), or name a profile with `-- --profile <name>`; \
    `-- -v` shows where it has looked";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    plan: bool,
    package: package::Options,
    cdk: Vec<String>,
}

impl Options {
    /// Reads what follows `deploy`; an error says what is wrong.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let (own, cdk) = split(arguments);
        let (plan, packages): (Vec<_>, Vec<_>) = own.iter().cloned().partition(|argument| argument == "--plan");
        let package = package::Options::parse(&packages).map_err(|wrong| match wrong.strip_prefix("`package` ") {
            Some(wrong) => format!("`deploy` {wrong}; options for the cdk CLI come after `--`"),
            None => wrong,
        })?;
        Ok(Self { plan: !plan.is_empty(), package, cdk: cdk.to_vec() })
    }
}

/// What stands before the first `--`, and what behind it.
pub(crate) fn split(arguments: &[String]) -> (&[String], &[String]) {
    let end = arguments.iter().position(|argument| argument == "--");
    let (own, rest) = arguments.split_at(end.unwrap_or(arguments.len()));
    (own, rest.get(1..).unwrap_or_default())
}

/// Packs, makes the template, shows what would change, and changes it unless only the plan is wanted.
pub(crate) fn deploy(options: &Options) -> Result<(), Failure> {
    let shares = share_out(&options.cdk).map_err(Failure::new)?;
    cdk_packages::install()?;
    say(&format!("── deploying to {}", account(&shares)?));
    try_out(&shares)?;
    package(&options.package)?;
    let assembly = root().join("target/cdk.out");
    step("making the template", cdk("synth", &shares.synth).args(["--quiet", "--output"]).arg(&assembly))?;
    // Both are given the finished template, so that what is deployed is what was shown.
    let mut diff = if options.plan {
        // The other ways make a change set in the account; this one knows no parameters.
        let mut diff = cdk("diff", &shares.everywhere);
        diff.arg("--method=template");
        diff
    } else {
        cdk("diff", &shares.diff)
    };
    step("what would change", diff.arg("--app").arg(&assembly))?;
    if options.plan {
        say("── that was the plan: nothing has been changed; without `--plan` it is deployed");
        return Ok(());
    }
    step("deploying", cdk("deploy", &shares.deploy).arg("--all").arg("--app").arg(&assembly))
}

/// The account and the Region that the CLI would deploy to, with whatever it takes for credentials.
fn account(shares: &Shares) -> Result<String, Failure> {
    let folder = root().join("target/which-account");
    create(&folder)?;
    let file = folder.join("account");
    drop(fs::remove_file(&file));
    step(
        "asking which account this is",
        cdk("list", &shares.everywhere)
            .args(["--app", "node --import tsx which-account.ts", "--output"])
            .arg(&folder)
            // It lists a stack that is nobody's.
            .stdout(Stdio::null())
            .env("CDK_VALIDATION", "false"),
    )?;
    match fs::read_to_string(&file) {
        Ok(account) if !account.is_empty() => Ok(account),
        _ => Err(Failure::new(NO_ACCOUNT)),
    }
}

/// Makes the template once with zips that hold nothing: a wrong context shall not be found after minutes of building.
fn try_out(shares: &Shares) -> Result<(), Failure> {
    let folder = root().join("target/template-trial");
    let functions = folder.join("functions");
    placeholders(&functions)?;
    step(
        "trying the template out",
        cdk("synth", &shares.synth)
            .args(["--quiet", "--context"])
            .arg(format!("functions={}", functions.display()))
            .arg("--output")
            .arg(folder.join("cdk.out"))
            .env("CDK_VALIDATION", "false"),
    )
}

fn cdk(command: &str, arguments: &[String]) -> Command {
    let mut cdk = in_infra("npx");
    cdk.args(["--no-install", "cdk", command, "--no-notices"]).args(arguments);
    cdk
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(arguments: &[&str]) -> Vec<String> {
        arguments.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_stands_behind_the_two_hyphens_is_for_the_cli() {
        let options = Options::parse(&owned(&["--plan", "--", "-c", "database=iam", "--", "x"]));
        let options = options.map(|options| (options.plan, options.cdk));
        assert_eq!(options, Ok((true, owned(&["-c", "database=iam", "--", "x"]))));
        let bare = Options { plan: false, package: package::Options::default(), cdk: vec![] };
        assert_eq!(Options::parse(&[]), Ok(bare));
    }

    #[test]
    fn options_of_the_cli_before_them_are_refused() {
        for wrong in [&["-c", "database=iam"] as &[_], &["--profile", "work"], &["plan"]] {
            assert!(Options::parse(&owned(wrong)).is_err(), "{wrong:?}");
        }
    }
}
