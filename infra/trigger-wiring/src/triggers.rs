//! The triggers that are ours to set, and the functions that they call.

use std::{collections::BTreeMap, fmt};

/// Longest ARN that a pool's `LambdaConfig` takes, in characters (`ArnType` of the Cognito API).
const MAX_ARN_CHARS: usize = 2048;

/// A trigger of a pool that rollcall uses: an entry of `LambdaConfig` that holds the plain ARN of a function.
///
/// The entries that hold an object instead (`PreTokenGenerationConfig`, the custom senders) are never ours.
/// Source: `LambdaConfigType` in the Amazon Cognito user pools API reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trigger {
    /// Judges a sign-up before the user exists.
    PreSignUp,
    /// Hears of every confirmed user.
    PostConfirmation,
    /// Hears of every sign-in, and so of users whom nobody confirmed: those that an administrator, an import or a migration made.
    PostAuthentication,
}

impl Trigger {
    /// In the order in which changes are reported.
    pub const ALL: [Self; 3] = [Self::PreSignUp, Self::PostConfirmation, Self::PostAuthentication];

    /// Its name in `LambdaConfig`, and as a property of the resource.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreSignUp => "PreSignUp",
            Self::PostConfirmation => "PostConfirmation",
            Self::PostAuthentication => "PostAuthentication",
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which function each trigger calls; a trigger that is absent calls none of ours.
pub type Triggers = BTreeMap<Trigger, FunctionArn>;

/// The ARN of a Lambda function, with or without a version or alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionArn(String);

/// The text is not the ARN of a Lambda function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the ARN of a Lambda function, such as arn:aws:lambda:eu-west-1:123456789012:function:name")]
pub struct NotAFunction;

impl FunctionArn {
    /// Takes an ARN in the form that Lambda gives.
    ///
    /// # Errors
    ///
    /// [`NotAFunction`] for every other text.
    pub fn parse(text: &str) -> Result<Self, NotAFunction> {
        let parts: Vec<&str> = text.split(':').collect();
        let (["arn", _, "lambda", _, account, "function", _] | ["arn", _, "lambda", _, account, "function", _, _]) =
            parts.as_slice()
        else {
            return Err(NotAFunction);
        };
        let whole = parts.iter().all(|part| !part.is_empty()) && !text.contains(char::is_whitespace);
        let numbered = account.bytes().all(|byte| byte.is_ascii_digit());
        if whole && numbered && text.len() <= MAX_ARN_CHARS { Ok(Self(text.to_owned())) } else { Err(NotAFunction) }
    }

    /// The ARN as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FunctionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_that_of_a_function_and_nothing_else() {
        for good in [
            "arn:aws:lambda:eu-west-1:123456789012:function:rollcall-producer",
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:rollcall-producer:live",
        ] {
            assert_eq!(FunctionArn::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "rollcall-producer",
            "arn:aws:sqs:eu-west-1:123456789012:queue",
            "arn:aws:lambda:eu-west-1:123456789012:layer:rollcall",
            "arn:aws:lambda:eu-west-1:123456789012:function:",
            "arn:aws:lambda:eu-west-1:account:function:name",
            "arn:aws:lambda:eu-west-1:123456789012:function:na me",
            "arn:aws:lambda:eu-west-1:123456789012:function:a:b:c",
        ] {
            assert_eq!(FunctionArn::parse(bad), Err(NotAFunction), "{bad}");
        }
    }
}
