//! What CloudFormation asks for: lenient about what is CloudFormation's, strict about what is ours.
//!
//! Source: "Custom resource request and response reference" in the AWS CloudFormation template reference guide.

use std::fmt;

use serde_json::{Map, Value};

use crate::{
    merge::Foreign,
    triggers::{FunctionArn, NotAFunction, Trigger, Triggers},
};

/// Longest user pool id that Cognito gives, in characters (`UserPoolIdType` of the API).
const MAX_POOL_ID_CHARS: usize = 55;

/// Properties that CloudFormation itself reads and passes on.
const OF_CLOUDFORMATION: [&str; 2] = ["ServiceToken", "ServiceTimeout"];

/// The property that is there to change: see the documentation of the crate.
const POOL_DEFINITION: &str = "PoolDefinition";

/// The property that names the pool before this one.
const PREVIOUS: &str = "PreviousUserPoolId";

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The resource is new.
    Create(Wiring),
    /// The resource is there with other properties.
    Update {
        /// How it should be.
        to: Wiring,
        /// How it was, as far as that can be read.
        from: Option<Wiring>,
    },
    /// The resource goes. None when its properties cannot be read: then nothing was ever attached with them.
    Delete(Option<Wiring>),
}

/// The resource: which pool calls which functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiring {
    /// The pool.
    pub pool: PoolId,
    /// A pool that the function may still change, because the resource was about it in the deployment before.
    pub previous: Option<PoolId>,
    /// The functions.
    pub triggers: Triggers,
    /// What becomes of other people's triggers in their place.
    pub foreign: Foreign,
}

/// The id of a user pool, such as `eu-west-1_Ab12Cd34E`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolId(String);

/// A request that cannot be carried out. The text says what the template must say instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// CloudFormation asks for something that is neither Create, Update nor Delete.
    #[error("the event's `RequestType` is not Create, Update or Delete")]
    UnknownType,
    /// There are no properties at all.
    #[error("the event has no `ResourceProperties`")]
    NoProperties,
    /// A property that nobody reads: it may be a misspelt one.
    #[error(
        "the property `{0}` is unknown; known are UserPoolId, PreviousUserPoolId, PreSignUp, PostConfirmation, PostAuthentication, Force and PoolDefinition"
    )]
    UnknownProperty(String),
    /// The same of a scheduled check.
    #[error(
        "the member `{0}` is unknown; known are StackId, UserPoolId, PreSignUp, PostConfirmation, PostAuthentication and Heal"
    )]
    UnknownMember(String),
    /// A property has not the form it must have.
    #[error("the property `{property}` {must}")]
    Unreadable {
        /// Its name.
        property: &'static str,
        /// What it must be.
        must: String,
    },
}

impl PoolId {
    /// Takes an id in the form that Cognito gives, and no other text, a pool's ARN for one.
    pub fn parse(text: &str) -> Option<Self> {
        let (region, random) = text.rsplit_once('_')?;
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let well_formed = !region.is_empty()
            && region.bytes().all(word)
            && !random.is_empty()
            && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && text.len() <= MAX_POOL_ID_CHARS;
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Request {
    /// Reads the event.
    ///
    /// A Delete is never refused: what a refused Create leaves is deleted with the same properties, and a stack must be able to go.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn read(event: &Value) -> Result<Self, RequestError> {
        let of = |name| event.get(name).and_then(Value::as_object);
        let properties = || of("ResourceProperties").ok_or(RequestError::NoProperties);
        match event.get("RequestType").and_then(Value::as_str) {
            Some("Create") => Ok(Self::Create(Wiring::read(properties()?)?)),
            Some("Update") => Ok(Self::Update {
                to: Wiring::read(properties()?)?,
                from: of("OldResourceProperties").and_then(Wiring::that_was),
            }),
            Some("Delete") => Ok(Self::Delete(of("ResourceProperties").and_then(Wiring::that_was))),
            _ => Err(RequestError::UnknownType),
        }
    }
}

/// The resource's id. It follows from the pool: one that changed without need would make CloudFormation delete the old resource, and with it our triggers.
pub fn physical_id(event: &Value) -> String {
    let given = event.get("PhysicalResourceId").and_then(Value::as_str);
    let pool = event.pointer("/ResourceProperties/UserPoolId").and_then(Value::as_str).and_then(PoolId::parse);
    match (event.get("RequestType").and_then(Value::as_str), given, pool) {
        (Some("Delete"), Some(given), _) | (_, Some(given), None) => given.to_owned(),
        (_, _, Some(pool)) => format!("cognito-triggers:{pool}"),
        (_, None, None) => "cognito-triggers:unknown".to_owned(),
    }
}

impl Wiring {
    fn read(properties: &Map<String, Value>) -> Result<Self, RequestError> {
        let known = |name: &str| {
            OF_CLOUDFORMATION.contains(&name)
                || ["UserPoolId", PREVIOUS, "Force", POOL_DEFINITION].contains(&name)
                || Trigger::ALL.iter().any(|trigger| trigger.name() == name)
        };
        if let Some(unknown) = properties.keys().find(|name| !known(name)) {
            return Err(RequestError::UnknownProperty(unknown.clone()));
        }
        let previous = filled(properties, PREVIOUS)?;
        let previous = previous.map(|id| PoolId::parse(id).ok_or_else(|| not_a_pool(PREVIOUS))).transpose()?;
        let (pool, triggers) = (pool(properties)?, triggers(properties)?);
        Ok(Self { pool, previous, triggers, foreign: foreign(properties)? })
    }

    /// Properties that were those of the resource once: what cannot be read in them was refused then, and attached nothing.
    fn that_was(properties: &Map<String, Value>) -> Option<Self> {
        let triggers = triggers(properties).ok()?;
        Some(Self { pool: pool(properties).ok()?, previous: None, triggers, foreign: Foreign::Refuse })
    }
}

pub(crate) fn pool(properties: &Map<String, Value>) -> Result<PoolId, RequestError> {
    filled(properties, "UserPoolId")?.and_then(PoolId::parse).ok_or_else(|| not_a_pool("UserPoolId"))
}

fn not_a_pool(property: &'static str) -> RequestError {
    unreadable(property, "must be the id of a user pool, such as eu-west-1_Ab12Cd34E, and not its ARN")
}

pub(crate) fn triggers(properties: &Map<String, Value>) -> Result<Triggers, RequestError> {
    let mut triggers = Triggers::new();
    for trigger in Trigger::ALL {
        if let Some(arn) = filled(properties, trigger.name())? {
            let arn = FunctionArn::parse(arn).map_err(|NotAFunction| unreadable(trigger.name(), NotAFunction))?;
            triggers.insert(trigger, arn);
        }
    }
    Ok(triggers)
}

fn foreign(properties: &Map<String, Value>) -> Result<Foreign, RequestError> {
    let force = choice(properties, "Force", ["false", "true"])?;
    Ok(if force { Foreign::Replace } else { Foreign::Refuse })
}

/// Whether a property has the second of its two values; the first is what an absent one means.
pub(crate) fn choice(
    properties: &Map<String, Value>,
    property: &'static str,
    [no, yes]: [&str; 2],
) -> Result<bool, RequestError> {
    match filled(properties, property)? {
        None => Ok(false),
        Some(value) if value == no || value == yes => Ok(value == yes),
        Some(_) => Err(unreadable(property, format!("must be \"{no}\" or \"{yes}\""))),
    }
}

/// A property's text; an empty one counts as absent, as templates write it when they have none.
fn filled<'a>(properties: &'a Map<String, Value>, property: &'static str) -> Result<Option<&'a str>, RequestError> {
    match properties.get(property) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(unreadable(property, "must be a text")),
    }
}

pub(crate) fn unreadable(property: &'static str, must: impl fmt::Display) -> RequestError {
    RequestError::Unreadable { property, must: must.to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PRODUCER: &str = "arn:aws:lambda:eu-west-1:123456789012:function:producer";

    fn properties(more: &[(&str, Value)]) -> Value {
        let mut properties = json!({
            "ServiceToken": "arn:aws:lambda:eu-west-1:123456789012:function:trigger-wiring",
            "UserPoolId": "eu-west-1_Ab12Cd34E",
            "PostConfirmation": PRODUCER,
            "PoolDefinition": "0f9a",
        });
        for (name, value) in more {
            properties[*name] = value.clone();
        }
        properties
    }

    fn refused(more: &[(&str, Value)]) -> String {
        let event = json!({ "RequestType": "Create", "ResourceProperties": properties(more) });
        Request::read(&event).unwrap_err().to_string()
    }

    #[test]
    fn the_three_requests_are_read() {
        let wiring = Wiring {
            pool: PoolId::parse("eu-west-1_Ab12Cd34E").unwrap(),
            previous: None,
            triggers: Triggers::from([(Trigger::PostConfirmation, FunctionArn::parse(PRODUCER).unwrap())]),
            foreign: Foreign::Refuse,
        };
        let read = |event: Value| Request::read(&event).unwrap();
        let create = json!({ "RequestType": "Create", "ResourceProperties": properties(&[]) });
        assert_eq!(read(create), Request::Create(wiring.clone()));
        let update = json!({
            "RequestType": "Update",
            "ResourceProperties": properties(&[("Force", json!("true")), ("PreSignUp", json!(""))]),
            "OldResourceProperties": properties(&[]),
        });
        let to = Wiring { foreign: Foreign::Replace, ..wiring.clone() };
        assert_eq!(read(update), Request::Update { to, from: Some(wiring.clone()) });
        let delete = json!({ "RequestType": "Delete", "ResourceProperties": properties(&[]) });
        assert_eq!(read(delete), Request::Delete(Some(wiring)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_a_sentence() {
        let misspelt = refused(&[("PostConfirmaton", json!(PRODUCER))]);
        assert!(misspelt.starts_with("the property `PostConfirmaton` is unknown; known are UserPoolId"), "{misspelt}");
        let arn = refused(&[(
            "UserPoolId",
            json!("arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_Ab12Cd34E"),
        )]);
        assert!(arn.starts_with("the property `UserPoolId` must be the id of a user pool"), "{arn}");
        assert!(refused(&[("UserPoolId", json!(""))]).contains("`UserPoolId` must be"));
        assert!(refused(&[("PreSignUp", json!("judge"))]).contains("`PreSignUp` must be the ARN of a Lambda function"));
        assert!(refused(&[("PreSignUp", json!([PRODUCER]))]).contains("`PreSignUp` must be a text"));
        assert!(refused(&[("Force", json!("yes"))]).contains("`Force` must be \"false\" or \"true\""));
        for event in [json!({}), json!(7), json!({ "RequestType": "Replace", "ResourceProperties": {} })] {
            assert_eq!(Request::read(&event), Err(RequestError::UnknownType));
        }
    }

    #[test]
    fn a_delete_is_read_whatever_its_properties_are() {
        let delete =
            |properties: Value| Request::read(&json!({ "RequestType": "Delete", "ResourceProperties": properties }));
        assert_eq!(delete(json!({})), Ok(Request::Delete(None)));
        assert_eq!(delete(json!({ "UserPoolId": "x", "PreSignUp": 7 })), Ok(Request::Delete(None)));
        // A property of a later version is no reason to leave our triggers behind.
        let later = delete(properties(&[("CustomMessage", json!(PRODUCER)), ("Force", json!("maybe"))])).unwrap();
        let Request::Delete(Some(wiring)) = later else { panic!() };
        assert_eq!(wiring.triggers.len(), 1);
    }

    #[test]
    fn the_physical_id_is_that_of_the_pool_and_a_delete_gets_its_own_back() {
        let id = |kind: &str, given: Option<&str>, properties: Value| {
            physical_id(&json!({ "RequestType": kind, "PhysicalResourceId": given, "ResourceProperties": properties }))
        };
        assert_eq!(id("Create", None, properties(&[])), "cognito-triggers:eu-west-1_Ab12Cd34E");
        let other_pool = id("Update", Some("cognito-triggers:eu-west-1_Old"), properties(&[]));
        assert_eq!(other_pool, "cognito-triggers:eu-west-1_Ab12Cd34E");
        assert_eq!(id("Delete", Some("2026/11/23/[1]abc"), properties(&[])), "2026/11/23/[1]abc");
        assert_eq!(id("Update", Some("given"), json!({})), "given");
        assert_eq!(id("Create", None, json!({})), "cognito-triggers:unknown");
    }

    #[test]
    fn a_pool_id_has_the_form_that_cognito_gives_it() {
        for good in ["eu-west-1_Ab12Cd34E", "us-gov-west-1_0"] {
            assert!(PoolId::parse(good).is_some(), "{good}");
        }
        for bad in ["", "_", "eu-west-1", "eu-west-1_", "_abc", "eu west_1", "eu-west-1_a/b", &"a".repeat(60)] {
            assert!(PoolId::parse(bad).is_none(), "{bad}");
        }
    }
}
