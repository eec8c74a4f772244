//! People who sign up, through the same API calls that a web app's SDK makes.

use anyhow::Context;
use aws_sdk_cognitoidentityprovider::{Client, types::AttributeType};
use rollcall_events::CognitoSub;
use uuid::Uuid;

use crate::Stack;

/// Good enough for any password policy.
const PASSWORD: &str = "correct-Horse-7-battery";

/// Somebody who does not exist.
#[derive(Clone, Debug)]
pub struct Person {
    /// Where the confirmation code would go.
    pub email: String,
    /// Their given name.
    pub given_name: String,
    /// Their family name.
    pub family_name: String,
}

impl Person {
    /// A new person whose address nobody has had before.
    pub fn new(given_name: &str, family_name: &str) -> Self {
        let (given_name, family_name) = (given_name.to_owned(), family_name.to_owned());
        let email = format!("{}.{}@example.com", given_name.to_lowercase(), Uuid::new_v4().simple());
        Self { email, given_name, family_name }
    }

    /// Signs up and gives back the `sub` that Cognito gave them.
    ///
    /// # Errors
    ///
    /// Whatever Cognito says.
    pub async fn sign_up(&self, cognito: &Client, stack: &Stack) -> anyhow::Result<CognitoSub> {
        let attribute = |name: &str, value: &str| AttributeType::builder().name(name).value(value).build();
        let answer = cognito
            .sign_up()
            .client_id(&stack.client_id)
            .username(&self.email)
            .password(PASSWORD)
            .user_attributes(attribute("email", &self.email)?)
            .user_attributes(attribute("given_name", &self.given_name)?)
            .user_attributes(attribute("family_name", &self.family_name)?)
            .send()
            .await
            .context("SignUp failed")?;
        Ok(CognitoSub::parse(answer.user_sub())?)
    }

    /// Confirms with the code; Cognito calls the trigger before it answers.
    ///
    /// # Errors
    ///
    /// Whatever Cognito says, the trigger's failure included.
    pub async fn confirm(&self, cognito: &Client, stack: &Stack) -> anyhow::Result<()> {
        cognito
            .confirm_sign_up()
            .client_id(&stack.client_id)
            .username(&self.email)
            .confirmation_code(stack.confirmation_code)
            .send()
            .await
            .context("ConfirmSignUp failed")?;
        Ok(())
    }

    /// Has forgotten the password, and sets a new one with the code.
    ///
    /// # Errors
    ///
    /// Whatever Cognito says.
    pub async fn reset_password(&self, cognito: &Client, stack: &Stack) -> anyhow::Result<()> {
        cognito
            .forgot_password()
            .client_id(&stack.client_id)
            .username(&self.email)
            .send()
            .await
            .context("ForgotPassword failed")?;
        cognito
            .confirm_forgot_password()
            .client_id(&stack.client_id)
            .username(&self.email)
            .password(PASSWORD)
            .confirmation_code(stack.confirmation_code)
            .send()
            .await
            .context("ConfirmForgotPassword failed")?;
        Ok(())
    }
}
