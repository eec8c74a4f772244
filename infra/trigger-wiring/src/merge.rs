//! Which triggers to set and which to remove, so that nothing that is not ours is touched.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};

use crate::triggers::{FunctionArn, Trigger, Triggers};

/// What to do with a trigger that calls a function of somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Refuse: two owners of one trigger would take turns.
    Refuse,
    /// Put ours in its place. What was there is not remembered.
    Replace,
    /// Leave it, and do the rest: a rollback must not fail because of what somebody else did meanwhile.
    Leave,
}

/// Triggers that call functions of somebody else. The text names both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken(Vec<(Trigger, String)>);

impl Taken {
    /// Which trigger calls what, without what to do about it.
    pub fn facts(&self) -> String {
        let calls = |(trigger, function): &(Trigger, String)| format!("its trigger {trigger} already calls {function}");
        format!("{}, which is not ours", self.0.iter().map(calls).collect::<Vec<_>>().join(", and "))
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: remove it there first, or set the property Force to \"true\" to replace it", self.facts())
    }
}

impl std::error::Error for Taken {}

/// What becomes of one entry of `LambdaConfig`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    Set(FunctionArn),
    Remove,
}

/// Changes to entries of `LambdaConfig`; without any there is nothing to call Cognito for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<Trigger, Change>);

impl Changes {
    /// Whether everything is as it should be.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The triggers that change.
    pub fn names(&self) -> String {
        self.0.keys().map(|trigger| trigger.name()).collect::<Vec<_>>().join(", ")
    }

    /// Makes the changes, and leaves every other entry as it is.
    pub fn apply(&self, lambda_config: &mut Map<String, Value>) {
        for (trigger, change) in &self.0 {
            match change {
                Change::Set(ours) => lambda_config.insert(trigger.name().to_owned(), ours.as_str().into()),
                Change::Remove => lambda_config.remove(trigger.name()),
            };
        }
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (trigger, change)) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            let done = match change {
                Change::Set(_) => "set",
                Change::Remove => "removed",
            };
            write!(f, "{comma}{trigger} {done}")?;
        }
        Ok(())
    }
}

/// The changes that make `lambda_config` call `ours`, and no longer what was ours `before` and is not now.
///
/// # Errors
///
/// [`Taken`] when a trigger calls neither, and `foreign` says to refuse that.
pub fn attach(
    lambda_config: &Map<String, Value>,
    ours: &Triggers,
    before: &Triggers,
    foreign: Foreign,
) -> Result<Changes, Taken> {
    let (mut changes, mut taken) = (BTreeMap::new(), Vec::new());
    for trigger in Trigger::ALL {
        let current = Current::of(lambda_config, trigger);
        match (ours.get(&trigger), before.get(&trigger)) {
            (Some(ours), _) if current.is(ours) => {}
            (Some(ours), before) => match (foreign, current.foreign_to(before)) {
                (Foreign::Refuse, Some(function)) => taken.push((trigger, function)),
                (Foreign::Leave, Some(_)) => {}
                (Foreign::Replace, _) | (_, None) => {
                    changes.insert(trigger, Change::Set(ours.clone()));
                }
            },
            (None, Some(before)) if current.is(before) => {
                changes.insert(trigger, Change::Remove);
            }
            (None, _) => {}
        }
    }
    if taken.is_empty() { Ok(Changes(changes)) } else { Err(Taken(taken)) }
}

/// The changes that take `ours` out of `lambda_config`. A trigger that calls something else by now is not ours to remove.
pub fn detach(lambda_config: &Map<String, Value>, ours: &Triggers) -> Changes {
    let still_ours = ours.iter().filter(|(trigger, arn)| Current::of(lambda_config, **trigger).is(arn));
    Changes(still_ours.map(|(trigger, _)| (*trigger, Change::Remove)).collect())
}

/// What an entry of `LambdaConfig` holds.
enum Current<'a> {
    Nothing,
    Function(&'a str),
    /// Something that is no ARN: a shape that Cognito does not have today.
    Other,
}

impl<'a> Current<'a> {
    fn of(lambda_config: &'a Map<String, Value>, trigger: Trigger) -> Self {
        match lambda_config.get(trigger.name()) {
            None | Some(Value::Null) => Self::Nothing,
            Some(Value::String(arn)) if arn.is_empty() => Self::Nothing,
            Some(Value::String(arn)) => Self::Function(arn),
            Some(_) => Self::Other,
        }
    }

    fn is(&self, arn: &FunctionArn) -> bool {
        matches!(self, Self::Function(current) if *current == arn.as_str())
    }

    /// The function's name, if there is one and it is not `known`.
    fn foreign_to(&self, known: Option<&FunctionArn>) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Function(arn) => (known.map(FunctionArn::as_str) != Some(*arn)).then(|| (*arn).to_owned()),
            Self::Other => Some("something that is no ARN".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use Trigger::{PostAuthentication, PostConfirmation, PreSignUp};

    fn arn(name: &str) -> FunctionArn {
        FunctionArn::parse(&format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}")).unwrap()
    }

    fn triggers(of: &[(Trigger, &str)]) -> Triggers {
        of.iter().map(|(trigger, name)| (*trigger, arn(name))).collect()
    }

    fn config(of: &[(&str, &str)]) -> Map<String, Value> {
        of.iter().map(|(key, name)| ((*key).to_owned(), json!(arn(name).as_str()))).collect()
    }

    fn after(lambda_config: &Map<String, Value>, changes: &Changes) -> Map<String, Value> {
        let mut lambda_config = lambda_config.clone();
        changes.apply(&mut lambda_config);
        lambda_config
    }

    #[test]
    fn every_trigger_is_attached_and_the_pools_other_ones_stay() {
        let pool = config(&[("PreAuthentication", "theirs")]);
        let ours = triggers(&[(PreSignUp, "judge"), (PostConfirmation, "producer"), (PostAuthentication, "producer")]);
        let changes = attach(&pool, &ours, &Triggers::new(), Foreign::Refuse).unwrap();
        let wanted = config(&[
            ("PreAuthentication", "theirs"),
            ("PreSignUp", "judge"),
            ("PostConfirmation", "producer"),
            ("PostAuthentication", "producer"),
        ]);
        assert_eq!(after(&pool, &changes), wanted);
        assert_eq!(changes.to_string(), "PreSignUp set, PostConfirmation set, PostAuthentication set");
    }

    #[test]
    fn two_triggers_that_call_one_function_are_two_entries() {
        let pool = config(&[("PostConfirmation", "producer"), ("PostAuthentication", "producer")]);
        let one = triggers(&[(PostConfirmation, "producer")]);
        assert!(attach(&pool, &one, &Triggers::new(), Foreign::Refuse).unwrap().is_empty(), "it may be theirs");
        let both = triggers(&[(PostConfirmation, "producer"), (PostAuthentication, "producer")]);
        let changes = attach(&pool, &one, &both, Foreign::Refuse).unwrap();
        assert_eq!(after(&pool, &changes), config(&[("PostConfirmation", "producer")]));
    }

    #[test]
    fn what_is_already_as_it_should_be_is_not_changed() {
        let pool = config(&[("PostConfirmation", "producer")]);
        let ours = triggers(&[(PostConfirmation, "producer")]);
        assert!(attach(&pool, &ours, &Triggers::new(), Foreign::Refuse).unwrap().is_empty());
        assert!(attach(&pool, &ours, &ours, Foreign::Replace).unwrap().is_empty());
    }

    #[test]
    fn a_foreign_trigger_is_refused_by_name_unless_it_may_be_replaced() {
        let pool = config(&[("PreSignUp", "theirs"), ("PostConfirmation", "old-one")]);
        let ours = triggers(&[(PreSignUp, "judge"), (PostConfirmation, "producer")]);
        let text = attach(&pool, &ours, &Triggers::new(), Foreign::Refuse).unwrap_err().to_string();
        assert!(
            text.contains("PreSignUp already calls arn:aws:lambda:eu-west-1:123456789012:function:theirs"),
            "{text}"
        );
        assert!(text.contains("function:old-one"), "{text}");
        let changes = attach(&pool, &ours, &Triggers::new(), Foreign::Replace).unwrap();
        assert_eq!(after(&pool, &changes), config(&[("PreSignUp", "judge"), ("PostConfirmation", "producer")]));
    }

    #[test]
    fn what_is_somebody_elses_by_now_is_left_and_the_rest_is_done() {
        let pool = config(&[("PreSignUp", "judge-2"), ("PostConfirmation", "theirs")]);
        let (ours, before) = (
            triggers(&[(PreSignUp, "judge-1"), (PostConfirmation, "producer"), (PostAuthentication, "producer")]),
            triggers(&[(PreSignUp, "judge-2"), (PostConfirmation, "producer")]),
        );
        let changes = attach(&pool, &ours, &before, Foreign::Leave).unwrap();
        let wanted = [("PreSignUp", "judge-1"), ("PostConfirmation", "theirs"), ("PostAuthentication", "producer")];
        assert_eq!(after(&pool, &changes), config(&wanted));
    }

    #[test]
    fn an_update_replaces_what_was_ours_without_force() {
        let pool = config(&[("PostConfirmation", "producer-1")]);
        let (ours, before) =
            (triggers(&[(PostConfirmation, "producer-2")]), triggers(&[(PostConfirmation, "producer-1")]));
        let changes = attach(&pool, &ours, &before, Foreign::Refuse).unwrap();
        assert_eq!(after(&pool, &changes), config(&[("PostConfirmation", "producer-2")]));
    }

    #[test]
    fn an_update_removes_a_trigger_that_was_dropped_only_while_it_is_ours() {
        let before = triggers(&[(PreSignUp, "judge"), (PostConfirmation, "producer")]);
        let ours = triggers(&[(PostConfirmation, "producer")]);
        let pool = config(&[("PreSignUp", "judge"), ("PostConfirmation", "producer")]);
        let changes = attach(&pool, &ours, &before, Foreign::Refuse).unwrap();
        assert_eq!(after(&pool, &changes), config(&[("PostConfirmation", "producer")]));
        let pool = config(&[("PreSignUp", "theirs"), ("PostConfirmation", "producer")]);
        assert!(attach(&pool, &ours, &before, Foreign::Replace).unwrap().is_empty());
    }

    #[test]
    fn a_deletion_removes_only_what_is_ours() {
        let ours = triggers(&[(PreSignUp, "judge"), (PostConfirmation, "producer")]);
        let pool = config(&[("PreSignUp", "theirs"), ("PostConfirmation", "producer"), ("UserMigration", "producer")]);
        let changes = detach(&pool, &ours);
        assert_eq!(after(&pool, &changes), config(&[("PreSignUp", "theirs"), ("UserMigration", "producer")]));
        assert!(detach(&after(&pool, &changes), &ours).is_empty());
    }

    #[test]
    fn an_entry_of_an_unknown_shape_is_foreign_and_an_empty_one_is_free() {
        let ours = triggers(&[(PreSignUp, "judge")]);
        let shaped = |value: Value| Map::from_iter([("PreSignUp".to_owned(), value)]);
        let attach = |value| attach(&shaped(value), &ours, &Triggers::new(), Foreign::Refuse);
        assert!(attach(json!({ "LambdaArn": "x" })).unwrap_err().to_string().contains("no ARN"));
        for free in [json!(""), json!(null)] {
            assert!(!attach(free).unwrap().is_empty());
        }
    }
}
