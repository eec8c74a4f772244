//! The pools whose users become rows.

use rollcall_aws_runtime::environment::{Environment, VariableError};

use crate::poison::Cause;

const HOLDS: &str = "a comma-separated list of user pool ids, such as `eu-west-1_Ab12Cd34E`";

/// The pools whose events are accepted. Anybody in the account who may put events on the bus could otherwise make rows.
#[derive(Clone, Debug, Default)]
pub struct UserPools {
    /// Without a list every pool is accepted.
    allowed: Option<Vec<String>>,
}

impl UserPools {
    /// Reads `ALLOWED_USER_POOLS`.
    ///
    /// # Errors
    ///
    /// [`VariableError`] for an entry that is not the id of a pool: a list with a typing error would make poison of every user.
    pub fn read(environment: &Environment) -> Result<Self, VariableError> {
        let Some(text) = environment.optional("ALLOWED_USER_POOLS") else { return Ok(Self::default()) };
        let ids: Vec<&str> = text.split(',').map(str::trim).collect();
        match ids.iter().find(|id| !is_id(id)) {
            None => Ok(Self { allowed: Some(ids.into_iter().map(str::to_owned).collect()) }),
            Some(odd) => Err(VariableError::Unreadable {
                name: "ALLOWED_USER_POOLS",
                holds: HOLDS,
                why: format!("`{odd}` is not the id of a user pool"),
            }),
        }
    }

    /// Whether the users of this pool become rows.
    pub(crate) fn accept(&self, id: Option<&str>) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed.iter().any(|one| Some(one.as_str()) == id))
    }

    /// Why a message about a user of another pool is poison. What the event calls its pool is not repeated, because a stranger wrote it.
    pub(crate) fn unknown() -> Cause {
        let detail = "the event's `user_pool_id` is not in ALLOWED_USER_POOLS".to_owned();
        Cause { reason: "unknown_user_pool".to_owned(), detail }
    }
}

/// A Region, an underscore, letters and digits.
/// Source: `UserPoolIdType` of the Amazon Cognito API.
fn is_id(text: &str) -> bool {
    let region = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.split_once('_').is_some_and(|(before, after)| {
        !before.is_empty()
            && !after.is_empty()
            && before.bytes().all(region)
            && after.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pools(text: &str) -> Result<UserPools, String> {
        UserPools::read(&Environment::from_iter([("ALLOWED_USER_POOLS", text)])).map_err(|error| error.to_string())
    }

    #[test]
    fn only_listed_pools_are_accepted_and_without_a_list_every_pool_is() {
        let two = pools("eu-west-1_Ab12Cd34E, us-east-1_Zz99").unwrap();
        assert!(two.accept(Some("eu-west-1_Ab12Cd34E")) && two.accept(Some("us-east-1_Zz99")));
        assert!(!two.accept(Some("eu-west-1_ab12cd34e")) && !two.accept(Some("us-east-1_Zz9")) && !two.accept(None));
        assert!(pools("").unwrap().accept(Some("anything")) && pools("").unwrap().accept(None));
    }

    #[test]
    fn an_entry_that_is_not_an_id_stops_the_start() {
        for (text, odd) in [
            ("eu-west-1_A,", "``"),
            ("eu-west-1_A eu-west-1_B", "`eu-west-1_A eu-west-1_B`"),
            ("arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_A", "`arn:"),
            ("*", "`*`"),
            ("_A", "`_A`"),
            ("eu_west_1_A", "`eu_west_1_A`"),
            ("eu-west-1_", "`eu-west-1_`"),
        ] {
            let error = pools(text).unwrap_err();
            assert!(error.contains("`ALLOWED_USER_POOLS` is not valid: ") && error.contains(odd), "{error}");
        }
    }
}
