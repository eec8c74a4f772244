//! Which of the arguments for the cdk CLI each of its commands is given.

/// Options that every command of the CLI understands: who asks, where, and how much is said.
const EVERYWHERE: [&str; 15] = [
    "--profile",
    "--region",
    "--proxy",
    "--ca-bundle-path",
    "--ec2creds",
    "-i",
    "--role-arn",
    "-r",
    "--verbose",
    "-v",
    "--debug",
    "--trace",
    "--color",
    "--no-color",
    "--ci",
];

/// Options that decide what the template is; diff and deploy are given the finished one.
const OF_THE_TEMPLATE: [&str; 5] = ["--context", "-c", "--strict", "--lookups", "--no-lookups"];

/// Options that say what would be deployed, and so what would change.
const OF_THE_CHANGE: [&str; 2] = ["--parameters", "--import-existing-resources"];

/// Options that `cargo xtask` gives itself.
const OURS: [&str; 5] = ["--app", "-a", "--output", "-o", "--all"];

/// What was given after `--`, for the command that takes it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shares {
    /// For any command that reads the account.
    pub(crate) everywhere: Vec<String>,
    pub(crate) synth: Vec<String>,
    pub(crate) diff: Vec<String>,
    pub(crate) deploy: Vec<String>,
}

/// Shares the arguments out, or says which one cannot be given.
pub(crate) fn share_out(arguments: &[String]) -> Result<Shares, String> {
    let mut shares = Shares::default();
    let mut rest = arguments.iter().peekable();
    while let Some(argument) = rest.next() {
        if !argument.starts_with('-') {
            return Err(format!("`{argument}` is no option: all stacks are deployed, so name none of them"));
        }
        let option = option_of(argument);
        if OURS.contains(&option) {
            return Err(format!("`{option}` is given by `cargo xtask` itself: leave it out"));
        }
        let value = rest.next_if(|next| !next.starts_with('-'));
        let given: Vec<String> = [Some(argument), value].into_iter().flatten().cloned().collect();
        for share in shares.that_take(option) {
            share.extend_from_slice(&given);
        }
    }
    Ok(shares)
}

impl Shares {
    /// What is not known is deploy's, which has the most options of its own.
    fn that_take(&mut self, option: &str) -> Vec<&mut Vec<String>> {
        if EVERYWHERE.contains(&option) {
            vec![&mut self.everywhere, &mut self.synth, &mut self.diff, &mut self.deploy]
        } else if OF_THE_TEMPLATE.contains(&option) {
            vec![&mut self.synth]
        } else if OF_THE_CHANGE.contains(&option) {
            vec![&mut self.diff, &mut self.deploy]
        } else {
            vec![&mut self.deploy]
        }
    }
}

/// The values of `-c key=value`, for a run of the app without the CLI; None: there is something else among them.
pub(crate) fn context_of(arguments: &[String]) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        let pair = match argument {
            "-c" | "--context" => rest.next()?,
            _ => argument.strip_prefix("--context=").or_else(|| argument.strip_prefix("-c"))?,
        };
        let (key, value) = pair.split_once('=')?;
        pairs.push((key.to_owned(), value.to_owned()));
    }
    Some(pairs)
}

/// `--context` of `--context=key=value`, and `-c` of `-ckey=value`.
fn option_of(argument: &str) -> &str {
    const SHORT: usize = 2;
    if argument.starts_with("--") {
        return argument.split('=').next().unwrap_or(argument);
    }
    argument.get(..SHORT).unwrap_or(argument)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(arguments: &[&str]) -> Vec<String> {
        arguments.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_command_gets_what_it_takes() {
        let given =
            ["-c", "database=secret", "--profile", "work", "--parameters", "UserPoolId=eu-central-1_A", "--force"];
        let shares = share_out(&owned(&given));
        assert_eq!(
            shares,
            Ok(Shares {
                everywhere: owned(&["--profile", "work"]),
                synth: owned(&["-c", "database=secret", "--profile", "work"]),
                diff: owned(&["--profile", "work", "--parameters", "UserPoolId=eu-central-1_A"]),
                deploy: owned(&["--profile", "work", "--parameters", "UserPoolId=eu-central-1_A", "--force"]),
            })
        );
    }

    #[test]
    fn every_way_to_write_an_option_is_known() {
        let shares = share_out(&owned(&["-cnetwork=vpc", "--context=triggers=none", "--region=eu-west-1", "-vv"]));
        let shares = shares.unwrap_or_default();
        assert_eq!(shares.synth, ["-cnetwork=vpc", "--context=triggers=none", "--region=eu-west-1", "-vv"]);
        assert_eq!(shares.deploy, ["--region=eu-west-1", "-vv"]);
    }

    #[test]
    fn a_stack_and_an_option_of_our_own_are_refused() {
        for (given, word) in [("RollcallPipeline", "name none"), ("--all", "leave it out"), ("--app=x", "`--app`")] {
            let refusal = share_out(&owned(&[given])).err().unwrap_or_default();
            assert!(refusal.contains(word), "{given}: {refusal}");
        }
    }

    #[test]
    fn context_is_read_and_nothing_else() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let given = owned(&["-c", "database=iam", "--context", "network=vpc", "-ctriggers=none", "--context=a=b=c"]);
        let wanted = [pair("database", "iam"), pair("network", "vpc"), pair("triggers", "none"), pair("a", "b=c")];
        assert_eq!(context_of(&given), Some(wanted.to_vec()));
        for wrong in [&["-c"] as &[_], &["-c", "database"], &["--parameters", "A=b"], &["database=iam"]] {
            assert_eq!(context_of(&owned(wrong)), None, "{wrong:?}");
        }
    }
}
