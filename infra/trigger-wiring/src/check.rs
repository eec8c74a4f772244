//! The scheduled check: whether the pool still calls our functions, and with `Heal` a repair.
//!
//! CloudFormation clears triggers that were attached from outside when it updates the pool, and nothing tells us.

use rollcall_aws_runtime::{
    environment::Environment,
    metrics::{Metric, Metrics},
};
use rollcall_custom_resource::stack::Stack;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::{
    merge::{Changes, Foreign, Taken, attach},
    outcome::{Failure, Outcome},
    pool::Cognito,
    request::{PoolId, RequestError, choice, pool, triggers, unreadable},
    triggers::{Trigger, Triggers},
    wiring::{change, look},
};

/// The only member of a scheduled event. CloudFormation's requests have no such member.
pub const MEMBER: &str = "AttachmentCheck";

/// The variable that holds the scheduled event of the function's own deployment.
pub const VARIABLE: &str = "ATTACHMENT_CHECK";

/// What only CloudFormation's requests have. An event with one of them is a request, whatever else it holds.
const OF_CLOUDFORMATION: [&str; 2] = ["RequestType", "ResponseURL"];

/// The metric: 1 when every trigger calls our function, 0 when one of them does not.
const ATTACHED: &str = "TriggersAttached";

/// The dimension that holds the pool's id, named as Cognito names it in its own metrics.
const DIMENSION: &str = "UserPool";

/// What to check, as the rule's constant input says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pool: PoolId,
    triggers: Triggers,
    heal: bool,
}

/// What a check found, and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Every trigger calls our function.
    Attached,
    /// Triggers are missing. They stay so, because healing is off, or because CloudFormation does not say whether a deployment is under way.
    Missing(Changes),
    /// Triggers were missing and are attached again.
    Healed(Changes, Outcome),
    /// Triggers are missing and could not be attached.
    NotHealed(Changes, Failure),
    /// A trigger calls somebody else's function. Nothing was changed.
    Taken(Taken),
    /// The pool is gone.
    PoolGone,
    /// CloudFormation is changing the stack, which may attach and detach on purpose. Nothing was changed, and nothing is reported.
    UnderWay,
}

/// What scheduled events need besides Cognito.
pub struct Schedule {
    /// The event of this deployment; none when the variable is missing or no JSON.
    expected: Option<Value>,
    metrics: Metrics,
}

impl Schedule {
    /// Reads the variable. A wrong one is no reason not to start, because CloudFormation must get its responses all the same.
    pub fn new(environment: &Environment, metrics: Metrics) -> Self {
        let expected = environment.optional(VARIABLE).and_then(|text| serde_json::from_str(text).ok());
        Self { expected, metrics }
    }

    /// Carries out a scheduled event. Whatever goes wrong is logged and leaves no data point, and the next event comes in a quarter of an hour:
    /// an error would only make Lambda repeat this one, perhaps after a deployment that expects other triggers.
    pub async fn carry_out(&self, event: &Value, cognito: &Cognito, deadline: Instant) {
        // Lambda may deliver an event hours late, and a deployment updates the function before it attaches and the rule after that.
        if self.expected.as_ref() != Some(event) {
            tracing::warn!(variable = VARIABLE, "check skipped: the event is not that of this deployment");
            return;
        }
        let check = match Check::read(event) {
            Ok(check) => check,
            Err(error) => {
                tracing::error!(%error, "check skipped: the event cannot be read");
                return;
            }
        };
        let stack = event.get(MEMBER).unwrap_or(&Value::Null);
        let stack = Stack::of(stack, cognito.sdk(), cognito.connector());
        match check.carry_out(&stack, cognito, deadline).await {
            Ok(finding) => self.report(&check.pool, &finding),
            Err(error) => tracing::error!(pool = %check.pool, %error, "check failed: the triggers are unknown"),
        }
    }

    fn report(&self, pool: &PoolId, finding: &Finding) {
        log(pool, finding);
        if let Some(attached) = finding.attached() {
            let value = if attached { 1.0 } else { 0.0 };
            self.metrics.emit_by(DIMENSION, pool.as_str(), &[Metric::count(ATTACHED, &value)]);
        }
    }
}

/// Whether an event is a scheduled check, and no request of CloudFormation.
pub fn is_check(event: &Value) -> bool {
    event.get(MEMBER).is_some() && OF_CLOUDFORMATION.iter().all(|name| event.get(name).is_none())
}

impl Check {
    /// Reads a scheduled event.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub fn read(event: &Value) -> Result<Self, RequestError> {
        let members =
            event.get(MEMBER).and_then(Value::as_object).ok_or_else(|| unreadable(MEMBER, "must be an object"))?;
        let known = |name: &str| {
            ["StackId", "UserPoolId", "Heal"].contains(&name)
                || Trigger::ALL.iter().any(|trigger| trigger.name() == name)
        };
        if let Some(unknown) = members.keys().find(|name| !known(name)) {
            return Err(RequestError::UnknownMember(unknown.clone()));
        }
        let triggers = triggers(members)?;
        if triggers.is_empty() {
            return Err(unreadable(Trigger::PostConfirmation.name(), "must be there, or another trigger"));
        }
        let heal = choice(members, "Heal", ["no", "yes"])?;
        Ok(Self { pool: pool(members)?, triggers, heal })
    }

    /// Looks at the pool, and attaches what is missing if the check says so and nothing speaks against it.
    ///
    /// # Errors
    ///
    /// [`Failure`]: the pool could not be described, so nobody knows what it calls.
    pub async fn carry_out(&self, stack: &Stack<'_>, cognito: &Cognito, deadline: Instant) -> Result<Finding, Failure> {
        let found = match look(&self.pool, cognito, deadline).await {
            Ok(config) => self.missing(&config),
            Err(Failure::NoPool { .. }) => return Ok(Finding::PoolGone),
            Err(failure) => return Err(failure),
        };
        if found.as_ref().is_ok_and(Changes::is_empty) {
            return Ok(Finding::Attached);
        }
        let at_rest = stack.is_at_rest().await;
        match found {
            _ if at_rest == Some(false) => Ok(Finding::UnderWay),
            Err(taken) => Ok(Finding::Taken(taken)),
            Ok(missing) if self.heal && at_rest == Some(true) => Ok(self.heal(missing, stack, cognito, deadline).await),
            Ok(missing) => Ok(Finding::Missing(missing)),
        }
    }

    /// The merge of a deployment, with one more question before each update: a deployment may have begun since, and detach what this would attach.
    async fn heal(&self, missing: Changes, stack: &Stack<'_>, cognito: &Cognito, deadline: Instant) -> Finding {
        let may_send = async || match stack.is_at_rest().await {
            Some(true) => Ok(()),
            Some(false) | None => Err(Failure::UnderWay),
        };
        match change(&self.pool, |config| self.missing(config), may_send, cognito, deadline).await {
            Ok(outcome) => Finding::Healed(missing, outcome),
            Err(Failure::UnderWay) => Finding::UnderWay,
            Err(Failure::Taken { taken, .. }) => Finding::Taken(taken),
            Err(failure) => Finding::NotHealed(missing, failure),
        }
    }

    fn missing(&self, config: &Map<String, Value>) -> Result<Changes, Taken> {
        attach(config, &self.triggers, &Triggers::new(), Foreign::Refuse)
    }
}

impl Finding {
    /// Whether the triggers were found as they should be; none when that says nothing. What had to be healed was not: users confirmed without an event.
    pub fn attached(&self) -> Option<bool> {
        match self {
            Self::Attached => Some(true),
            Self::UnderWay => None,
            Self::Missing(_) | Self::Healed(..) | Self::NotHealed(..) | Self::Taken(_) | Self::PoolGone => Some(false),
        }
    }
}

/// Each case has a sentence of its own, which the runbook's section "Lost triggers" names.
fn log(pool: &PoolId, finding: &Finding) {
    match finding {
        Finding::Attached => tracing::info!(%pool, "triggers attached"),
        Finding::UnderWay => tracing::info!(%pool, "check skipped: a deployment is under way"),
        Finding::Missing(missing) => tracing::error!(
            %pool,
            triggers = missing.names(),
            hint = "deploy with another `PoolDefinition`, or with `-c heal=yes`",
            "triggers missing"
        ),
        Finding::Healed(missing, outcome) => tracing::warn!(
            %pool,
            triggers = missing.names(),
            %outcome,
            hint = "publish the events of the users who were confirmed since the last check that found them attached",
            "triggers were missing and are attached again"
        ),
        Finding::NotHealed(missing, error) => {
            tracing::error!(%pool, triggers = missing.names(), %error, "triggers missing and could not be attached again");
        }
        Finding::Taken(taken) => tracing::error!(
            %pool,
            found = taken.facts(),
            hint = "remove that function from the pool, or deploy with `ForceTriggers=true` and another `PoolDefinition`",
            "trigger taken by another function"
        ),
        Finding::PoolGone => tracing::error!(
            %pool,
            hint = "deploy with the `UserPoolId` of the pool that took its place, or delete the stack",
            "user pool not found"
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PRODUCER: &str = "arn:aws:lambda:eu-west-1:123456789012:function:producer";

    fn event(more: &[(&str, Value)]) -> Value {
        let mut members = json!({
            "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/backend/1",
            "UserPoolId": "eu-west-1_Ab12Cd34E",
            "PostConfirmation": PRODUCER,
            "Heal": "yes",
        });
        for (name, value) in more {
            members[*name] = value.clone();
        }
        json!({ MEMBER: members })
    }

    #[test]
    fn a_request_of_cloudformation_and_a_scheduled_event_are_told_apart() {
        assert!(is_check(&event(&[])));
        for name in OF_CLOUDFORMATION {
            let mut both = event(&[]);
            both[name] = json!("Delete");
            assert!(!is_check(&both), "{name}");
        }
        // What EventBridge sends when a rule has no constant input.
        let bare = json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} });
        for other in [bare, json!({}), json!("AttachmentCheck"), json!(["AttachmentCheck"])] {
            assert!(!is_check(&other), "{other}");
        }
    }

    #[test]
    fn a_scheduled_event_is_read_as_strictly_as_a_template() {
        let check = Check::read(&event(&[])).unwrap();
        assert!(check.heal);
        assert_eq!((check.pool.as_str(), check.triggers.len()), ("eu-west-1_Ab12Cd34E", 1));
        assert!(!Check::read(&event(&[("Heal", json!("no"))])).unwrap().heal);
        assert!(!Check::read(&event(&[("Heal", json!(""))])).unwrap().heal);
        let refused = |more| Check::read(&event(&[more])).unwrap_err().to_string();
        assert!(refused(("Heal", json!("true"))).contains("`Heal` must be \"no\" or \"yes\""));
        assert!(refused(("Force", json!("true"))).contains("`Force` is unknown; known are StackId"));
        assert!(refused(("UserPoolId", json!("people"))).contains("`UserPoolId` must be the id of a user pool"));
        assert!(refused(("PostConfirmation", json!(""))).contains("`PostConfirmation` must be there"));
    }

    #[test]
    fn what_had_to_be_healed_counts_as_not_attached() {
        assert_eq!(Finding::Attached.attached(), Some(true));
        assert_eq!(Finding::Healed(Changes::default(), Outcome::Unchanged).attached(), Some(false));
        assert_eq!(Finding::UnderWay.attached(), None);
    }
}
