//! A user pool in moto, and what an update of it can change.

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};
use trigger_wiring::image::DESCRIBED_ONLY;

use super::Moto;

/// Stands for the settings that only GetUserPoolMfaConfig describes.
pub const MFA: &str = "(GetUserPoolMfaConfig)";

/// The function behind the triggers that a pool of [`every_setting`] has already.
pub const THEIRS: &str = "arn:aws:lambda:us-east-1:123456789012:function:theirs";

/// A pool in moto.
#[derive(Debug)]
pub struct Pool<'a> {
    moto: &'a Moto,
    /// Its id, whether there is such a pool or not.
    pub id: String,
}

impl<'a> Pool<'a> {
    /// A new pool with these settings.
    ///
    /// # Errors
    ///
    /// Whatever moto says.
    pub fn create(moto: &'a Moto, settings: &Value) -> anyhow::Result<Self> {
        let answer = moto.call("CreateUserPool", &with(settings.clone(), "PoolName", "people"))?;
        let id = answer.pointer("/UserPool/Id").and_then(Value::as_str).context("a pool without an id")?;
        Ok(Self::with_id(moto, id))
    }

    /// The pool whose name begins so.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn named(moto: &'a Moto, name: &str) -> anyhow::Result<Self> {
        let pools = moto.call("ListUserPools", &json!({ "MaxResults": 60 }))?;
        let is_named =
            |pool: &&Value| pool.get("Name").and_then(Value::as_str).is_some_and(|found| found.starts_with(name));
        let found = pools.get("UserPools").and_then(Value::as_array).into_iter().flatten().find(is_named);
        let id = found.and_then(|pool| pool.get("Id")?.as_str()).with_context(|| format!("no pool `{name}`"))?;
        Ok(Self::with_id(moto, id))
    }

    /// The pool of this id, of which nobody knows whether it is there.
    pub fn with_id(moto: &'a Moto, id: &str) -> Self {
        Self { moto, id: id.to_owned() }
    }

    /// Calls an operation on this pool.
    ///
    /// # Errors
    ///
    /// Whatever moto says.
    pub fn call(&self, operation: &str, request: Value) -> anyhow::Result<Value> {
        self.moto.call(operation, &with(request, "UserPoolId", &self.id))
    }

    /// What an update can change, and what is described with it.
    ///
    /// # Errors
    ///
    /// Whatever moto says.
    pub fn settings(&self) -> anyhow::Result<Map<String, Value>> {
        let mut answer = self.call("DescribeUserPool", json!({}))?;
        let Some(Value::Object(mut description)) = answer.get_mut("UserPool").map(Value::take) else {
            bail!("no description of the pool {}", self.id)
        };
        description.retain(|setting, _| !DESCRIBED_ONLY.contains(&setting.as_str()));
        description.insert(MFA.to_owned(), self.call("GetUserPoolMfaConfig", json!({}))?);
        // The old name of Policies.PasswordPolicy.TemporaryPasswordValidityDays: Cognito refuses to be sent both, and describes both.
        // moto describes what it was sent.
        description
            .get_mut("AdminCreateUserConfig")
            .and_then(Value::as_object_mut)
            .and_then(|config| config.remove("UnusedAccountValidityDays"));
        Ok(description)
    }

    /// What the pool calls, by trigger.
    ///
    /// # Errors
    ///
    /// Whatever moto says.
    pub fn triggers(&self) -> anyhow::Result<Value> {
        self.settings()?.remove("LambdaConfig").context("a description without triggers")
    }

    /// Replaces the pool's triggers, and leaves its other settings as they are.
    ///
    /// # Errors
    ///
    /// Whatever moto says.
    pub fn set_triggers(&self, triggers: Value) -> anyhow::Result<()> {
        let mut request = self.settings()?;
        request.remove(MFA);
        request.insert("LambdaConfig".to_owned(), triggers);
        self.call("UpdateUserPool", Value::Object(request)).map(|_| ())
    }
}

fn with(mut request: Value, name: &str, value: &str) -> Value {
    if let Some(request) = request.as_object_mut() {
        request.insert(name.to_owned(), value.into());
    }
    request
}

/// Every setting that an update can reset, each at another value than its default.
#[must_use]
pub fn every_setting() -> Value {
    json!({
        "Policies": {
            "PasswordPolicy": {
                "MinimumLength": 14, "RequireUppercase": false, "RequireLowercase": true, "RequireNumbers": false,
                "RequireSymbols": false, "PasswordHistorySize": 5, "TemporaryPasswordValidityDays": 2,
            },
            "SignInPolicy": { "AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP", "WEB_AUTHN"] },
        },
        "DeletionProtection": "ACTIVE",
        "LambdaConfig": {
            "PreAuthentication": THEIRS,
            "CustomMessage": THEIRS,
            "PreTokenGeneration": THEIRS,
            "PreTokenGenerationConfig": { "LambdaVersion": "V2_0", "LambdaArn": THEIRS },
            "CustomEmailSender": { "LambdaVersion": "V1_0", "LambdaArn": THEIRS },
            "KMSKeyID": "arn:aws:kms:us-east-1:123456789012:key/1",
        },
        "AutoVerifiedAttributes": ["email", "phone_number"],
        "VerificationMessageTemplate": {
            "SmsMessage": "code {####}", "EmailMessage": "code {####}", "EmailSubject": "Your code",
            "DefaultEmailOption": "CONFIRM_WITH_CODE",
        },
        "SmsVerificationMessage": "code {####}",
        "EmailVerificationMessage": "code {####}",
        "EmailVerificationSubject": "Your code",
        "SmsAuthenticationMessage": "sign in with {####}",
        "UserAttributeUpdateSettings": { "AttributesRequireVerificationBeforeUpdate": ["email"] },
        "MfaConfiguration": "OPTIONAL",
        "DeviceConfiguration": { "ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": false },
        "EmailConfiguration": {
            "SourceArn": "arn:aws:ses:us-east-1:123456789012:identity/example.com", "ReplyToEmailAddress": "help@example.com",
            "EmailSendingAccount": "DEVELOPER", "From": "Example <no-reply@example.com>", "ConfigurationSet": "pool",
        },
        "SmsConfiguration": {
            "SnsCallerArn": "arn:aws:iam::123456789012:role/sms", "ExternalId": "pool", "SnsRegion": "us-east-1",
        },
        "UserPoolTags": { "team": "identity", "cost": "" },
        "AdminCreateUserConfig": {
            "AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 2,
            "InviteMessageTemplate": { "SMSMessage": "{username} {####}", "EmailMessage": "{username} {####}", "EmailSubject": "Welcome" },
        },
        "UserPoolAddOns": {
            "AdvancedSecurityMode": "ENFORCED", "AdvancedSecurityAdditionalFlows": { "CustomAuthMode": "AUDIT" },
        },
        "AccountRecoverySetting": { "RecoveryMechanisms": [{ "Priority": 1, "Name": "verified_email" }] },
        "UserPoolTier": "PLUS",
        "KeyConfiguration": { "KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/2" },
        "IssuerConfiguration": { "Type": "UPDATED" },
        "AcrConfiguration": { "Level1": { "AcrValue": "urn:example:bronze" } },
    })
}
