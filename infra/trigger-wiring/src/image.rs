//! From what DescribeUserPool says to the UpdateUserPool request that changes nothing.
//!
//! UpdateUserPool resets whatever it is not sent, so the request must hold every setting of the pool, those included that are newer than this code.
//! That is why the way is a deny-list over plain JSON: a typed client, or a list of what to copy, silently resets what it does not know.
//! Source: "UpdateUserPool" in the Amazon Cognito user pools API reference.

use serde_json::{Map, Value};

use crate::merge::Changes;

/// What DescribeUserPool says and UpdateUserPool does not take: facts about the pool, and settings that cannot change.
/// `Id` and `Name` come back under other names.
pub const DESCRIBED_ONLY: [&str; 15] = [
    "AliasAttributes",
    "Arn",
    "CreationDate",
    "CustomDomain",
    "Domain",
    "EmailConfigurationFailure",
    "EstimatedNumberOfUsers",
    "Id",
    "LastModifiedDate",
    "Name",
    "SchemaAttributes",
    "SmsConfigurationFailure",
    "Status",
    "UsernameAttributes",
    "UsernameConfiguration",
];

/// The one setting that UpdateUserPool keeps when it is not sent; sent, its omitted members would go back to their defaults.
const KEPT_UNSENT: &str = "DcrConfiguration";

/// The entry that holds the triggers.
const LAMBDA_CONFIG: &str = "LambdaConfig";

/// The entry that holds the tags.
const TAGS: &str = "UserPoolTags";

/// Tags that belong to AWS; nobody else may send them.
const AWS_TAG: &str = "aws:";

/// A template of both kinds, code and link, and which of them `DefaultEmailOption` makes unused.
const MESSAGES_BY_OPTION: [(&str, [&str; 2]); 2] = [
    ("CONFIRM_WITH_CODE", ["EmailMessageByLink", "EmailSubjectByLink"]),
    ("CONFIRM_WITH_LINK", ["EmailMessage", "EmailSubject"]),
];

/// The settings of a pool, as UpdateUserPool takes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    request: Map<String, Value>,
    /// Not sent, and compared nevertheless.
    kept: Option<Value>,
}

/// The answer of DescribeUserPool describes no pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("DescribeUserPool answered without the pool's `Id` and `Name`")]
pub struct NotAPool;

impl Image {
    /// Makes the request out of the member `UserPool` of a DescribeUserPool answer.
    ///
    /// # Errors
    ///
    /// [`NotAPool`] when there is no id or no name: without them the request would be about another pool, or rename this one.
    pub fn of(mut description: Map<String, Value>) -> Result<Self, NotAPool> {
        let (Some(id), Some(name)) = (text(&description, "Id"), text(&description, "Name")) else {
            return Err(NotAPool);
        };
        let unsent = description.remove(KEPT_UNSENT);
        description.retain(|setting, _| !DESCRIBED_ONLY.contains(&setting.as_str()));
        let lambda_config = description.remove(LAMBDA_CONFIG);
        let tags = description.remove(TAGS);
        drop_superseded_validity(&mut description);
        prune(&mut description);
        // An empty tag is a tag, and the objects of LambdaConfig are not ours: neither is pruned.
        if let Some(Value::Object(mut tags)) = tags {
            tags.retain(|name, _| !name.starts_with(AWS_TAG));
            if !tags.is_empty() {
                description.insert(TAGS.to_owned(), tags.into());
            }
        }
        let lambda_config = lambda_config.filter(Value::is_object).unwrap_or_else(|| Map::new().into());
        description.insert(LAMBDA_CONFIG.to_owned(), lambda_config);
        description.insert("UserPoolId".to_owned(), id);
        description.insert("PoolName".to_owned(), name);
        Ok(Self { request: description, kept: unsent })
    }

    /// The UpdateUserPool request.
    pub fn request(&self) -> &Map<String, Value> {
        &self.request
    }

    /// The setting that is not sent because it is kept.
    pub fn kept(&self) -> Option<&Value> {
        self.kept.as_ref()
    }

    /// The triggers: the entries of `LambdaConfig`.
    pub fn lambda_config(&self) -> Map<String, Value> {
        self.request.get(LAMBDA_CONFIG).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// The same pool with other triggers.
    #[must_use]
    pub fn with(&self, changes: &Changes) -> Self {
        let mut lambda_config = self.lambda_config();
        changes.apply(&mut lambda_config);
        let mut other = self.clone();
        other.request.insert(LAMBDA_CONFIG.to_owned(), lambda_config.into());
        other
    }

    /// Whether the pool says its feature plan. UpdateUserPool takes a missing one for `ESSENTIALS`.
    pub fn names_its_tier(&self) -> bool {
        self.request.contains_key("UserPoolTier")
    }

    /// The same pool without the e-mail templates that its `DefaultEmailOption` does not use, and their names; none when there are no such templates.
    ///
    /// A pool that was switched from codes to links, or back, can hold both kinds, which UpdateUserPool may refuse.
    pub fn without_unused_messages(&self) -> Option<(Self, Vec<String>)> {
        let mut rest = self.clone();
        let template = rest.request.get_mut("VerificationMessageTemplate")?.as_object_mut()?;
        let option = template.get("DefaultEmailOption")?.as_str()?;
        let (_, unused) = MESSAGES_BY_OPTION.iter().find(|(known, _)| *known == option)?;
        let dropped: Vec<_> = unused.iter().filter(|name| template.remove(**name).is_some()).collect();
        let names: Vec<_> = dropped.iter().map(|name| format!("VerificationMessageTemplate.{name}")).collect();
        (!names.is_empty()).then_some((rest, names))
    }
}

fn text(description: &Map<String, Value>, name: &str) -> Option<Value> {
    description.get(name).filter(|value| value.as_str().is_some_and(|text| !text.is_empty())).cloned()
}

/// Cognito describes the validity of a temporary password under its old and its new name, and refuses to be sent both.
/// A pool that is older than the new name has the old one alone, and keeps it.
fn drop_superseded_validity(settings: &mut Map<String, Value>) {
    let new =
        settings.get("Policies").and_then(|policies| policies.pointer("/PasswordPolicy/TemporaryPasswordValidityDays"));
    if new.is_some_and(|days| !days.is_null())
        && let Some(Value::Object(creation)) = settings.get_mut("AdminCreateUserConfig")
    {
        creation.remove("UnusedAccountValidityDays");
    }
}

/// Takes out what means "not set" and is refused when sent: null, empty texts and empty objects.
fn prune(settings: &mut Map<String, Value>) {
    settings.retain(|_, value| {
        if let Value::Object(members) = value {
            prune(members);
        }
        match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Object(members) => !members.is_empty(),
            _ => true,
        }
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{
        merge::{Foreign, attach, detach},
        triggers::{FunctionArn, Trigger, Triggers},
        verify::differences,
    };

    fn image(mut description: Value) -> Image {
        description["Id"] = json!("eu-west-1_Ab12Cd34E");
        description["Name"] = json!("people");
        let Value::Object(description) = description else { panic!() };
        Image::of(description).unwrap()
    }

    fn sent(description: Value, setting: &str) -> Value {
        image(description).request().get(setting).cloned().unwrap_or_default()
    }

    #[test]
    fn what_cannot_be_sent_is_left_out_and_everything_else_is_kept_even_if_unknown() {
        let mut description = json!({ "FutureSetting": { "Deep": [1, { "Ok": false }] }, "UserPoolTier": "LITE" });
        for name in DESCRIBED_ONLY {
            description[name] = json!("described");
        }
        let request = Value::Object(image(description).request().clone());
        let wanted = json!({
            "UserPoolId": "eu-west-1_Ab12Cd34E",
            "PoolName": "people",
            "UserPoolTier": "LITE",
            "FutureSetting": { "Deep": [1, { "Ok": false }] },
            "LambdaConfig": {},
        });
        assert_eq!(request, wanted);
    }

    #[test]
    fn an_answer_without_the_pools_id_or_name_is_never_sent() {
        for description in [json!({}), json!({ "Id": "x" }), json!({ "Name": "x" }), json!({ "Id": "x", "Name": "" })] {
            let Value::Object(description) = description else { panic!() };
            assert_eq!(Image::of(description), Err(NotAPool));
        }
    }

    #[test]
    fn the_old_validity_goes_when_the_new_one_is_there_and_stays_when_it_is_alone() {
        let both = json!({
            "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 7 },
            "Policies": { "PasswordPolicy": { "TemporaryPasswordValidityDays": 3 } },
        });
        assert_eq!(sent(both, "AdminCreateUserConfig"), json!({ "AllowAdminCreateUserOnly": false }));
        let old = json!({ "AdminCreateUserConfig": { "UnusedAccountValidityDays": 7 }, "Policies": { "PasswordPolicy": {} } });
        assert_eq!(sent(old, "AdminCreateUserConfig"), json!({ "UnusedAccountValidityDays": 7 }));
    }

    #[test]
    fn empty_texts_and_objects_are_not_sent_and_false_zero_and_empty_tags_are() {
        let pool = json!({
            "SmsAuthenticationMessage": "",
            "SmsConfiguration": { "SnsCallerArn": "", "Deeper": {} },
            "DeviceConfiguration": { "ChallengeRequiredOnNewDevice": false, "Zero": 0, "Nothing": null },
            "UserPoolTags": { "team": "", "aws:cloudformation:stack-name": "auth" },
        });
        let request = image(pool);
        let request = request.request();
        assert!(!request.contains_key("SmsAuthenticationMessage"));
        assert!(!request.contains_key("SmsConfiguration"));
        assert_eq!(request["DeviceConfiguration"], json!({ "ChallengeRequiredOnNewDevice": false, "Zero": 0 }));
        assert_eq!(request["UserPoolTags"], json!({ "team": "" }));
    }

    #[test]
    fn dynamic_client_registration_is_kept_by_not_being_sent_and_a_change_of_it_is_seen() {
        let registered = image(json!({ "DcrConfiguration": { "EnableStatus": "Disabled" } }));
        assert!(!registered.request().contains_key("DcrConfiguration"));
        assert_eq!(differences(&registered, &image(json!({}))), ["DcrConfiguration"]);
    }

    #[test]
    fn version_objects_of_triggers_go_back_untouched() {
        let triggers = json!({
            "PreTokenGeneration": "arn:aws:lambda:eu-west-1:123456789012:function:tokens",
            "PreTokenGenerationConfig": { "LambdaVersion": "V3_0", "LambdaArn": "arn:…", "New": { "Empty": "" } },
            "CustomSMSSender": { "LambdaVersion": "V1_0", "LambdaArn": "arn:…" },
            "KMSKeyID": "arn:aws:kms:…",
            "FutureTrigger": {},
        });
        assert_eq!(sent(json!({ "LambdaConfig": triggers }), "LambdaConfig"), triggers);
    }

    #[test]
    fn the_templates_that_are_not_in_use_can_be_left_out_by_name() {
        let template = |option: &str| {
            json!({ "VerificationMessageTemplate": {
                "DefaultEmailOption": option, "SmsMessage": "s", "EmailMessage": "a", "EmailSubject": "b", "EmailMessageByLink": "c",
            } })
        };
        let (rest, dropped) = image(template("CONFIRM_WITH_CODE")).without_unused_messages().unwrap();
        assert_eq!(dropped, ["VerificationMessageTemplate.EmailMessageByLink"]);
        let kept = json!({ "DefaultEmailOption": "CONFIRM_WITH_CODE", "SmsMessage": "s", "EmailMessage": "a", "EmailSubject": "b" });
        assert_eq!(rest.request()["VerificationMessageTemplate"], kept);
        let (_, dropped) = image(template("CONFIRM_WITH_LINK")).without_unused_messages().unwrap();
        assert_eq!(dropped.len(), 2);
        assert!(rest.without_unused_messages().is_none());
        assert!(image(json!({})).without_unused_messages().is_none());
    }

    fn ours() -> Triggers {
        let arn = |name| FunctionArn::parse(&format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}")).unwrap();
        Triggers::from([
            (Trigger::PreSignUp, arn("judge")),
            (Trigger::PostConfirmation, arn("producer")),
            (Trigger::PostAuthentication, arn("producer")),
        ])
    }

    /// Any JSON, numbers of every size included.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[A-Za-z:]{1,8}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    prop_compose! {
        /// A pool with any settings and any triggers but ours.
        fn any_pool()(
            settings in prop::collection::btree_map("[A-Z][A-Za-z]{2,10}", any_json(), 0..6),
            triggers in prop::collection::btree_map("[A-Z][A-Za-z]{2,10}", any_json(), 0..4),
            tags in prop::collection::btree_map("(aws:)?[a-z]{1,6}", "[a-z]{0,4}", 0..4),
        ) -> Value {
            let mut pool = Value::Object(settings.into_iter().collect());
            pool["LambdaConfig"] = Value::Object(triggers.into_iter().collect());
            pool["UserPoolTags"] = json!(tags);
            pool
        }
    }

    proptest! {
        #[test]
        fn detaching_after_attaching_gives_back_the_very_pool(pool in any_pool()) {
            let before = image(pool);
            let attach = attach(&before.lambda_config(), &ours(), &Triggers::new(), Foreign::Refuse).unwrap();
            let attached = before.with(&attach);
            let detached = attached.with(&detach(&attached.lambda_config(), &ours()));
            prop_assert_eq!(&detached, &before);
        }

        #[test]
        fn attaching_touches_our_entries_of_lambda_config_and_nothing_else(pool in any_pool()) {
            let before = image(pool);
            let attach = attach(&before.lambda_config(), &ours(), &Triggers::new(), Foreign::Refuse).unwrap();
            let changed = differences(&before, &before.with(&attach));
            let ours = ["LambdaConfig.PostAuthentication", "LambdaConfig.PostConfirmation", "LambdaConfig.PreSignUp"];
            prop_assert_eq!(changed, ours);
        }

        #[test]
        fn every_number_and_unknown_value_goes_back_as_it_came(setting in any_json()) {
            let described = json!({ "Wrapped": [setting] }).to_string();
            let back = image(serde_json::from_str(&described).unwrap());
            prop_assert_eq!(json!({ "Wrapped": back.request()["Wrapped"] }).to_string(), described);
        }

        #[test]
        fn what_was_sent_reads_back_as_the_same_image(pool in any_pool()) {
            let before = image(pool);
            let mut described = Value::Object(before.request().clone());
            described["Arn"] = json!("arn:…");
            prop_assert_eq!(differences(&before, &image(described)), Vec::<String>::new());
        }
    }
}
