//! EventBridge at the wire: a bus that does not exist takes each event with success, and so does one without a rule.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Fault, State,
    place::{ACCOUNT, Place, operation, region, text},
    refused,
    sqs::page,
};
use crate::scripted_http::{Answer, Call};

/// Rules or targets on one page when the caller does not say how many.
const PAGE: usize = 100;

/// A bus that each account has.
const DEFAULT: &str = "default";

/// What an event must have to be tested against a pattern.
///
/// Source: `TestEventPattern` (Amazon EventBridge API Reference).
const MANDATORY: [&str; 7] = ["id", "account", "source", "time", "region", "resources", "detail-type"];

/// A rule of a bus.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// `DISABLED` when false.
    pub enabled: bool,
    /// The pattern that an event must match; none on a rule with a schedule.
    pub pattern: Option<Value>,
    /// ARNs of what gets the event.
    pub targets: Vec<String>,
    /// The service that made the rule for itself.
    pub managed_by: Option<String>,
}

impl Rule {
    /// An enabled rule without targets.
    pub fn new(name: &str, pattern: Value) -> Self {
        Self { name: name.to_owned(), enabled: true, pattern: Some(pattern), targets: Vec::new(), managed_by: None }
    }

    /// With one more target.
    #[must_use]
    pub fn to(mut self, arn: &str) -> Self {
        self.targets.push(arn.to_owned());
        self
    }

    /// In the state `DISABLED`.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.enabled = false;
        self
    }

    fn delivers(&self, event: &Value) -> bool {
        let matched = self.pattern.as_ref().is_some_and(|pattern| matches(pattern, event));
        self.enabled && !self.targets.is_empty() && matched
    }

    fn on_the_wire(&self, place: &Place, bus: &str) -> Value {
        let arn = format!("arn:aws:events:{}:{}:rule/{bus}/{}", place.region, place.account, self.name);
        let mut rule = json!({
            "Name": self.name,
            "Arn": arn,
            "State": if self.enabled { "ENABLED" } else { "DISABLED" },
            "EventBusName": bus,
        });
        if let Some(rule) = rule.as_object_mut() {
            match &self.pattern {
                Some(pattern) => rule.insert("EventPattern".to_owned(), pattern.to_string().into()),
                None => rule.insert("ScheduleExpression".to_owned(), "rate(1 day)".into()),
            };
            rule.extend(self.managed_by.clone().map(|service| ("ManagedBy".to_owned(), service.into())));
        }
        rule
    }
}

/// The buses, and what was put on them.
#[derive(Default)]
pub(super) struct Buses {
    rules: BTreeMap<(Place, String), Vec<Rule>>,
    /// What was put on a bus that exists.
    pub(super) events: Vec<Value>,
    /// What an enabled rule sent to a target.
    pub(super) delivered: Vec<Value>,
}

impl Buses {
    pub(super) fn create(&mut self, place: Place, bus: &str) -> &mut Vec<Rule> {
        self.rules.entry((place, bus.to_owned())).or_default()
    }

    fn rules(&self, place: &Place, bus: &str) -> Option<&[Rule]> {
        let rules = self.rules.get(&(place.clone(), bus.to_owned())).map(Vec::as_slice);
        rules.or((bus == DEFAULT).then_some(&[]))
    }
}

/// Where a bus is, by its name or ARN; the default one when nothing is said.
fn bus_of(call: &Call, bus: &str) -> (Place, String) {
    match bus.split(':').collect::<Vec<_>>()[..] {
        // A bus of another Region is not at this endpoint.
        ["arn", _, "events", at, account, resource] if at == region(call) => {
            (Place::new(at, account), resource.trim_start_matches("event-bus/").to_owned())
        }
        _ => {
            let bus = if bus.is_empty() { DEFAULT } else { bus };
            (Place::new(region(call), ACCOUNT), bus.to_owned())
        }
    }
}

impl State {
    pub(super) fn event_bridge(&mut self, call: &Call, fault: &Fault) -> Answer {
        match operation(call) {
            "PutEvents" => return self.put_events(call, fault),
            "TestEventPattern" => return test(call),
            _ => {}
        }
        let key = if operation(call) == "DescribeEventBus" { "Name" } else { "EventBusName" };
        let (place, bus) = bus_of(call, text(call, key));
        let Some(rules) = self.buses.rules(&place, &bus) else { return refused(400, "ResourceNotFoundException") };
        let most = call.body.get("Limit").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok());
        let (most, token) = (most.unwrap_or(PAGE), text(call, "NextToken"));
        match operation(call) {
            "DescribeEventBus" => {
                let arn = format!("arn:aws:events:{}:{}:event-bus/{bus}", place.region, place.account);
                Answer::Reply(200, json!({ "Name": bus, "Arn": arn }))
            }
            "ListRules" => {
                let prefix = text(call, "NamePrefix");
                let rules: Vec<_> = rules.iter().filter(|rule| rule.name.starts_with(prefix)).collect();
                let (rules, token) = page(&rules, most, token);
                let rules: Vec<_> = rules.iter().map(|rule| rule.on_the_wire(&place, &bus)).collect();
                Answer::Reply(200, json!({ "Rules": rules, "NextToken": token }))
            }
            "ListTargetsByRule" => {
                let Some(rule) = rules.iter().find(|rule| rule.name == text(call, "Rule")) else {
                    return refused(400, "ResourceNotFoundException");
                };
                let (targets, token) = page(&rule.targets, most, token);
                let targets: Vec<_> = targets.iter().map(|arn| json!({ "Id": arn, "Arn": arn })).collect();
                Answer::Reply(200, json!({ "Targets": targets, "NextToken": token }))
            }
            _ => refused(400, "UnknownOperationException"),
        }
    }

    fn put_events(&mut self, call: &Call, fault: &Fault) -> Answer {
        let entries = call.body.get("Entries").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut results = Vec::new();
        for (at, entry) in entries.into_iter().enumerate() {
            let refused = fault.of_entry(at).map(|(code, _)| code).or_else(|| mistake(&entry));
            if let Some(code) = refused {
                results.push(json!({ "ErrorCode": code, "ErrorMessage": "refused by the model" }));
                continue;
            }
            self.put_event(call, entry);
            results.push(json!({ "EventId": Uuid::new_v4() }));
        }
        let failed = results.iter().filter(|result| result.get("ErrorCode").is_some()).count();
        Answer::Reply(200, json!({ "FailedEntryCount": failed, "Entries": results }))
    }

    fn put_event(&mut self, call: &Call, entry: Value) {
        let (place, bus) = bus_of(call, field(&entry, "EventBusName"));
        let Some(rules) = self.buses.rules(&place, &bus) else { return };
        let event = json!({
            "account": place.account,
            "region": place.region,
            "source": entry.get("Source"),
            "detail-type": entry.get("DetailType"),
            "resources": entry.get("Resources").cloned().unwrap_or_else(|| json!([])),
            "detail": serde_json::from_str::<Value>(field(&entry, "Detail")).unwrap_or_default(),
        });
        if rules.iter().any(|rule| rule.delivers(&event)) {
            self.buses.delivered.push(entry.clone());
        }
        self.buses.events.push(entry);
    }
}

/// What is wrong with an entry, whatever its bus.
///
/// Source: "Handling failures with `PutEvents`" (Amazon EventBridge User Guide).
fn mistake(entry: &Value) -> Option<&'static str> {
    if field(entry, "Source").is_empty() || field(entry, "DetailType").is_empty() {
        return Some("InvalidArgument");
    }
    let detail: Option<Value> = serde_json::from_str(field(entry, "Detail")).ok();
    (!detail.is_some_and(|detail| detail.is_object())).then_some("MalformedDetail")
}

fn field<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn test(call: &Call) -> Answer {
    let event: Value = serde_json::from_str(text(call, "Event")).unwrap_or_default();
    let Ok(pattern) = serde_json::from_str::<Value>(text(call, "EventPattern")) else {
        return refused(400, "InvalidEventPatternException");
    };
    if MANDATORY.iter().any(|key| event.get(*key).is_none()) {
        return refused(400, "ValidationException");
    }
    Answer::Reply(200, json!({ "Result": matches(&pattern, &event) }))
}

/// Whether an event matches a pattern of exact values and prefixes; other operators match nothing here.
///
/// Source: "Creating Amazon EventBridge event patterns" (Amazon EventBridge User Guide).
fn matches(pattern: &Value, event: &Value) -> bool {
    match (pattern, event) {
        (Value::Object(keys), _) => {
            keys.iter().all(|(key, pattern)| matches(pattern, event.get(key).unwrap_or(&Value::Null)))
        }
        (Value::Array(any), Value::Array(values)) => {
            any.iter().any(|one| values.iter().any(|value| is_value(one, value)))
        }
        (Value::Array(any), value) => any.iter().any(|one| is_value(one, value)),
        _ => false,
    }
}

fn is_value(wanted: &Value, value: &Value) -> bool {
    match wanted.get("prefix").and_then(Value::as_str) {
        Some(prefix) => value.as_str().is_some_and(|text| text.starts_with(prefix)),
        None => wanted == value,
    }
}
