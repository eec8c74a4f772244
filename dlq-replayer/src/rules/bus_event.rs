//! The event that a bus is given for a dead letter, and the event that its rules then see.
//!
//! EventBridge keeps source, detail-type, detail, resources and the time of what is put on a bus; id, account and Region are new,
//! and every other field of the delivered event is gone. A rule is asked about that event, not about the dead letter's body.
//! Source: `PutEvents` in the Amazon EventBridge API reference; "Events in Amazon EventBridge" in the user guide.

use std::fmt;

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::event_pattern::{EventPattern, Match};
use crate::sqs::{message::REPLAY_COUNT, outgoing::BusEvent};

/// The id in the event that rules are asked about: the real one is made later, and no rule can name it.
const NO_ID: &str = "00000000-0000-0000-0000-000000000000";

/// Where a bus is, and when events are put on it.
#[derive(Clone, Debug)]
pub struct BusPlace {
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The time of an event that has none of its own.
    pub now: Timestamp,
}

/// An enabled rule of a bus.
#[derive(Clone, Debug)]
pub struct BusRule {
    /// The rule with the number of its targets, as it is shown.
    pub label: String,
    /// Its pattern as it was written.
    pub text: String,
    /// Its pattern.
    pub pattern: EventPattern,
}

/// What rules say about an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// The rules that match, or may match.
    pub labels: Vec<String>,
    /// The patterns about which only AWS can tell; empty when one of the rules certainly matches.
    pub to_ask: Vec<String>,
}

/// The members of an object, in order, each value as it stands.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl<'a> Members<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The value of a member as it stands; of one that is there twice, the last, as everywhere.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.get())
    }

    /// The value of a member that is a text.
    fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?).ok()
    }

    /// The object with one member set where it is, or behind the others, and everything else as it stands.
    fn with(&self, name: &str, value: &str) -> String {
        let old = self.0.iter().map(|(known, old)| (known.as_str(), if known == name { value } else { old.get() }));
        let new = self.get(name).is_none().then_some((name, value));
        let members: Vec<_> = old.chain(new).map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
        format!("{{{}}}", members.join(","))
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The body with the loop guard's count in the event, when it is one of rollcall's: a bus takes no attributes along, and a reader tolerates unknown fields.
pub fn counted(body: &str, replays: u32) -> Option<String> {
    let event = Members::parse(body)?;
    if event.text("detail-type")? != rollcall_events::DETAIL_TYPE {
        return None;
    }
    let detail = Members::parse(event.get("detail")?)?;
    let metadata = Members::parse(detail.get("metadata")?)?;
    let metadata = metadata.with(REPLAY_COUNT, &replays.to_string());
    Some(event.with("detail", &detail.with("metadata", &metadata)))
}

/// What of a body is put on a bus; none when the body is not an event.
pub fn event_of(body: &str) -> Option<BusEvent> {
    let event = Members::parse(body)?;
    let detail = event.get("detail").filter(|detail| detail.starts_with('{'))?;
    let time = match event.get("time") {
        Some(time) => Some(serde_json::from_str::<Timestamp>(time).ok()?.as_second()),
        None => None,
    };
    let resources = match event.get("resources") {
        Some(resources) => serde_json::from_str(resources).ok()?,
        None => Vec::new(),
    };
    Some(BusEvent {
        source: event.text("source")?,
        detail_type: event.text("detail-type")?,
        detail: detail.to_owned(),
        resources,
        time,
    })
}

/// The event that rules see when this is put on a bus.
pub fn as_delivered(event: &BusEvent, bus: &BusPlace) -> String {
    let time = event.time.and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or(bus.now);
    let resources = serde_json::Value::from(event.resources.clone());
    format!(
        r#"{{"version":"0","id":"{NO_ID}","detail-type":{},"source":{},"account":{},"time":"{time:.0}","region":{},"resources":{resources},"detail":{}}}"#,
        quoted(&event.detail_type),
        quoted(&event.source),
        quoted(&bus.account),
        quoted(&bus.region),
        event.detail,
    )
}

/// Asks the rules about an event; none when none of them can match.
pub fn ask(event: &str, rules: &[BusRule]) -> Option<Matched> {
    let value = serde_json::from_str(event).ok()?;
    let (mut sure, mut unsure) = (Vec::new(), Vec::new());
    for rule in rules {
        match rule.pattern.matches(&value) {
            Match::Yes => sure.push(rule.label.clone()),
            Match::No => {}
            Match::Unknown => unsure.push(rule),
        }
    }
    if sure.is_empty() && unsure.is_empty() {
        return None;
    }
    let to_ask = if sure.is_empty() { unsure.iter().map(|rule| rule.text.clone()).collect() } else { Vec::new() };
    sure.extend(unsure.iter().map(|rule| format!("{} perhaps", rule.label)));
    Some(Matched { labels: sure, to_ask })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bus() -> BusPlace {
        BusPlace { account: "111122223333".into(), region: "eu-west-1".into(), now: Timestamp::UNIX_EPOCH }
    }

    fn rule(text: &str) -> BusRule {
        BusRule { label: "r".into(), text: text.into(), pattern: EventPattern::parse(text).unwrap() }
    }

    fn delivered(body: &str) -> String {
        as_delivered(&event_of(body).unwrap(), &bus())
    }

    const BODY: &str = r#"{"version":"0","id":"old","detail-type":"Made","source":"shop","account":"999999999999","time":"2026-11-22T21:00:00.123Z","region":"us-east-2","resources":["arn:x"],"replay-name":"r","tenant":"acme","detail":{"n":12345678901234567890123}}"#;

    #[test]
    fn rules_are_asked_about_the_event_that_the_bus_makes_of_the_body() {
        let event = delivered(BODY);
        assert!(
            event.contains(r#""time":"2026-11-22T21:00:00Z""#) && event.contains("12345678901234567890123"),
            "{event}"
        );
        for (pattern, matches) in [
            (r#"{"account":["999999999999"]}"#, false),
            (r#"{"account":["111122223333"]}"#, true),
            (r#"{"region":["us-east-2"]}"#, false),
            (r#"{"id":["old"]}"#, false),
            (r#"{"replay-name":["r"]}"#, false),
            (r#"{"tenant":["acme"]}"#, false),
            (r#"{"resources":["arn:x"]}"#, true),
            (r#"{"detail":{"n":[{"exists":true}]}}"#, true),
        ] {
            assert_eq!(ask(&event, &[rule(pattern)]).is_some(), matches, "{pattern}");
        }
    }

    #[test]
    fn the_count_is_in_the_event_before_rules_are_asked_and_nothing_else_changes() {
        let ours = r#"{"detail-type":"UserConfirmed","source":"rollcall","detail":{"metadata":{"z":1.10,"version":1},"data":{"n":12345678901234567890123}}}"#;
        let body = counted(ours, 2).unwrap();
        let detail = r#"{"metadata":{"z":1.10,"version":1,"replay_count":2},"data":{"n":12345678901234567890123}}"#;
        assert_eq!(body, format!(r#"{{"detail-type":"UserConfirmed","source":"rollcall","detail":{detail}}}"#));
        assert_eq!(counted(&body, 3).unwrap().matches("replay_count").count(), 1);
        let first_tries_only = rule(r#"{"detail":{"metadata":{"replay_count":[{"exists":false}]}}}"#);
        assert_eq!(ask(&delivered(&body), &[first_tries_only]), None);
        assert_eq!(counted(BODY, 2), None, "other senders' events are not counted");
    }

    #[test]
    fn what_is_not_an_event_cannot_be_put_and_unknown_operators_are_asked_about() {
        for body in [
            "not json",
            "{}",
            r#"{"source":"s","detail-type":"t","detail":"text"}"#,
            r#"{"source":"s","detail-type":"t","detail":{},"time":"yesterday"}"#,
            r#"{"source":"s","detail-type":"t","detail":{},"resources":"arn:x"}"#,
        ] {
            assert_eq!(event_of(body), None, "{body}");
        }
        let odd = r#"{"detail":{"n":[{"sounds-like":"x"}]}}"#;
        let event = delivered(BODY);
        let matched = ask(&event, &[rule(odd)]).unwrap();
        assert_eq!((matched.to_ask, matched.labels), (vec![odd.to_owned()], vec!["r perhaps".to_owned()]));
        let sure = ask(&event, &[rule(odd), rule(r#"{"source":["shop"]}"#)]).unwrap();
        assert!(sure.to_ask.is_empty() && sure.labels.len() == 2);
    }
}
