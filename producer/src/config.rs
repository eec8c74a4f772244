//! What the function is told by its environment.

use std::time::Duration;

use rollcall_aws_runtime::environment::{Environment, VariableError};

/// Default of `PUBLISH_BUDGET_MS`: of Cognito's 5 seconds this leaves two for a cold start and the way there and back.
const DEFAULT_BUDGET: Duration = Duration::from_secs(3);

/// Least and most that `PUBLISH_BUDGET_MS` may say: below, a healthy first connection would not fit; above, Cognito has given up.
const BUDGET_MS: std::ops::RangeInclusive<u64> = 200..=4500;

const BUDGET_HOLDS: &str = "a number of milliseconds from 200 to 4500";

/// What the function is told by its environment.
#[derive(Clone, Debug)]
pub struct Config {
    /// `EVENT_BUS_NAME`: name or ARN of the bus.
    pub event_bus_name: String,
    /// `FALLBACK_QUEUE_URL`: the consumer's queue, for when EventBridge does not take the event. Without it there is no fallback.
    pub fallback_queue_url: Option<String>,
    /// `ON_PUBLISH_FAILURE`.
    pub on_publish_failure: OnPublishFailure,
    /// `PUBLISH_BUDGET_MS`: the most time that one invocation spends on publishing.
    pub publish_budget: Duration,
    /// `FORWARD_ATTRIBUTES`: the names of the attributes `custom:…` that travel with the event.
    pub forward_attributes: Vec<String>,
}

/// What Cognito gets for a confirmed sign-up when neither the bus nor the queue took the event.
/// Any other event is always returned as it came: a sign-in or a new password must not fail because of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnPublishFailure {
    /// Success: the user is in, and has no row until the event is published again.
    Succeed,
    /// An error: the user sees a failure although Cognito has confirmed them.
    Fail,
}

impl Config {
    /// Reads the variables.
    ///
    /// # Errors
    ///
    /// [`VariableError`] names the variable that is missing or unreadable, and what it must hold.
    pub fn read(environment: &Environment) -> Result<Self, VariableError> {
        Ok(Self {
            event_bus_name: environment
                .required("EVENT_BUS_NAME", "the name or ARN of the EventBridge bus to publish to")?
                .to_owned(),
            fallback_queue_url: environment.optional("FALLBACK_QUEUE_URL").map(str::to_owned),
            on_publish_failure: on_publish_failure(environment)?,
            publish_budget: publish_budget(environment)?,
            forward_attributes: forward_attributes(environment)?,
        })
    }
}

fn on_publish_failure(environment: &Environment) -> Result<OnPublishFailure, VariableError> {
    match environment.optional("ON_PUBLISH_FAILURE") {
        None | Some("succeed") => Ok(OnPublishFailure::Succeed),
        Some("fail") => Ok(OnPublishFailure::Fail),
        Some(_) => Err(VariableError::Unreadable {
            name: "ON_PUBLISH_FAILURE",
            holds: "`succeed` or `fail`",
            why: "it is neither".to_owned(),
        }),
    }
}

fn publish_budget(environment: &Environment) -> Result<Duration, VariableError> {
    let Some(text) = environment.optional("PUBLISH_BUDGET_MS") else { return Ok(DEFAULT_BUDGET) };
    let unreadable = |why| VariableError::Unreadable { name: "PUBLISH_BUDGET_MS", holds: BUDGET_HOLDS, why };
    match text.parse() {
        Ok(milliseconds) if BUDGET_MS.contains(&milliseconds) => Ok(Duration::from_millis(milliseconds)),
        Ok(_) => Err(unreadable("it is out of range".to_owned())),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

/// Longest name of a custom attribute behind its prefix, in characters (`CustomAttributeNameType` of the Cognito API).
const LONGEST_NAME: usize = 20;

fn forward_attributes(environment: &Environment) -> Result<Vec<String>, VariableError> {
    let names = environment.optional("FORWARD_ATTRIBUTES").unwrap_or_default().split(',').map(str::trim);
    let is_custom = |name: &str| {
        let own = name.strip_prefix("dev:").unwrap_or(name).strip_prefix("custom:");
        own.is_some_and(|own| (1..=LONGEST_NAME).contains(&own.chars().count()))
    };
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    if names.iter().all(|name| is_custom(name)) {
        return Ok(names.into_iter().map(str::to_owned).collect());
    }
    Err(VariableError::Unreadable {
        name: "FORWARD_ATTRIBUTES",
        holds: "names of custom attributes with commas between them, such as `custom:tenant,custom:plan`",
        why: "a name does not begin with `custom:`, or is longer than Cognito allows".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
        Config::read(&variables.iter().copied().collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_bus_has_no_default_and_the_rest_has() {
        assert!(read(&[]).unwrap_err().contains("`EVENT_BUS_NAME` is not set"));
        let config = read(&[("EVENT_BUS_NAME", "bus")]).unwrap();
        assert_eq!(config.fallback_queue_url, None);
        assert_eq!(config.on_publish_failure, OnPublishFailure::Succeed);
        assert_eq!(config.publish_budget, Duration::from_secs(3));
        assert_eq!(config.forward_attributes, Vec::<String>::new());
    }

    #[test]
    fn the_custom_attributes_that_travel_are_named_with_commas_between_them() {
        let names =
            |value| read(&[("EVENT_BUS_NAME", "bus"), ("FORWARD_ATTRIBUTES", value)]).map(|it| it.forward_attributes);
        assert_eq!(names(" custom:tenant, dev:custom:plan,").unwrap(), ["custom:tenant", "dev:custom:plan"]);
        for wrong in ["marker", "custom:", "custom:a-marker-of-the-tenant", "custom:tenant,marker"] {
            let text = names(wrong).unwrap_err();
            assert!(text.contains("`FORWARD_ATTRIBUTES`") && !text.contains("marker"), "{text}");
        }
    }

    #[test]
    fn an_unreadable_value_is_refused_with_what_it_must_hold() {
        let refused = |name, value| read(&[("EVENT_BUS_NAME", "bus"), (name, value)]).unwrap_err();
        assert!(refused("ON_PUBLISH_FAILURE", "explode").ends_with("it must hold `succeed` or `fail`"));
        for value in ["soon", "0", "60000", "-1"] {
            let text = refused("PUBLISH_BUDGET_MS", value);
            assert!(text.ends_with("it must hold a number of milliseconds from 200 to 4500"), "{text}");
        }
    }
}
