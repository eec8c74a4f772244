//! The profile that was chosen, which must exist: the SDK passes over a profile that does not, and uses whatever credentials it finds.

use anyhow::Context;
use rollcall_aws_runtime::cli_sdk::profile_names;

use super::hints::hinted;

/// Profiles that a hint names.
const NAMED: usize = 20;

/// Checks that there is a profile of this name.
///
/// # Errors
///
/// There is none, or the files with the profiles cannot be read.
pub(super) async fn check(profile: &str) -> anyhow::Result<()> {
    let known = profile_names().await.context("cannot read the profiles")?;
    if known.iter().any(|name| name == profile) {
        return Ok(());
    }
    Err(hinted(format!("profile `{profile}` not found"), hint(&known)))
}

fn hint(known: &[String]) -> String {
    let named = known.iter().take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match known {
        [] => "there are no profiles in `~/.aws/config` and `~/.aws/credentials`; `aws configure` makes one".to_owned(),
        [_] => format!("the only profile is {named}"),
        _ if known.len() > NAMED => {
            format!(
                "the profiles are {named} and {} more; `aws configure list-profiles` lists them",
                known.len() - NAMED
            )
        }
        _ => format!("the profiles are {named}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_what_there_is_and_not_more_than_can_be_read() {
        let names = |count: usize| (0..count).map(|at| format!("p{at}")).collect::<Vec<_>>();
        assert!(hint(&[]).starts_with("there are no profiles"));
        assert_eq!(hint(&names(1)), "the only profile is `p0`");
        assert_eq!(hint(&names(2)), "the profiles are `p0`, `p1`");
        assert!(hint(&names(25)).contains("`p19` and 5 more"), "{}", hint(&names(25)));
    }
}
