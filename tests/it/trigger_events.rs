//! The producer with events as Cognito sends them: what comes back, what is published, and that no variable can fail a sign-up.

use std::collections::HashSet;

use pipeline_tests::runtime_api;
use rollcall_events::{Text, UserConfirmed};
use serde_json::{Value, json};

use crate::publishing::{FIXTURES, PUT_EVENTS, accepted, fixture, invoke};

/// The rows of the fixtures' README: file and whether it must be published.
fn fixtures() -> Vec<(String, bool)> {
    let readme = fixture("README.md");
    let rows = readme.lines().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let file = cells.next().filter(|cell| cell.ends_with(".json"))?;
        Some((file.to_owned(), cells.next()? == "yes"))
    });
    rows.collect()
}

#[tokio::test]
async fn every_cognito_fixture_is_echoed_byte_for_byte_and_published_as_its_readme_says() {
    let files = std::fs::read_dir(FIXTURES)
        .unwrap()
        .filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "json"));
    assert_eq!(fixtures().len(), files.count(), "every file has a row in the README");
    for (file, published) in fixtures() {
        let event = fixture(&file);
        let run = invoke(&event, &[], |call, _| accepted(call)).await;
        assert!(run.echoed(&event), "{file}");
        assert_eq!(run.operations(), if published { vec![PUT_EVENTS] } else { vec![] }, "{file}");
        assert_eq!(run.metrics.contains("\"UserConfirmedPublished\":1"), published, "{file}: it is counted");
        println!(
            "{file}: echoed {} bytes, {}",
            event.trim_end().len(),
            if published { "published" } else { "not published" }
        );
    }
}

#[tokio::test]
async fn what_is_published_is_what_the_consumer_reads_and_nothing_that_the_client_wrote() {
    for (file, _) in fixtures().into_iter().filter(|(_, published)| *published) {
        let event = fixture(&file);
        let run = invoke(&event, &[], |call, _| accepted(call)).await;
        let entry = &run.calls[0].body["Entries"][0];
        assert_eq!((&entry["Source"], &entry["DetailType"]), (&json!("rollcall"), &json!("UserConfirmed")));
        let detail = entry["Detail"].as_str().unwrap();
        let user = UserConfirmed::from_detail(detail).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(user.dropped.is_empty(), "{file}: {:?}", user.dropped);
        assert!(user.data.custom_attributes.is_empty(), "{file}: nobody has named any");
        let cognito: Value = serde_json::from_str(&event).unwrap();
        let attributes = &cognito["request"]["userAttributes"];
        let text = |name: &str| attributes[name].as_str();
        assert_eq!(Some(user.data.cognito_sub.to_string().as_str()), text("sub"), "{file}");
        assert_eq!(user.data.email.as_ref().map(Text::as_str), text("email"), "{file}");
        assert_eq!(user.data.first_name.as_ref().map(Text::as_str), text("given_name"), "{file}");
        assert_eq!(user.data.last_name.as_ref().map(Text::as_str), text("family_name"), "{file}");
        assert_eq!(user.data.phone_number.as_ref().map(Text::as_str), text("phone_number"), "{file}");
        assert!(!entry.to_string().contains("is_admin"), "{file}: client metadata was forwarded");
    }
}

#[tokio::test]
async fn a_sign_up_a_new_password_and_a_sign_in_of_one_user_are_one_event() {
    let sign_up = fixture("01-email-pool.json");
    let mut ids = HashSet::new();
    for source in [
        "PostConfirmation_ConfirmSignUp",
        "PostConfirmation_ConfirmForgotPassword",
        "PostAuthentication_Authentication",
    ] {
        let event = sign_up.replace("PostConfirmation_ConfirmSignUp", source);
        let run = invoke(&event, &[], |call, _| accepted(call)).await;
        assert!(run.echoed(&event), "{source}");
        let detail: Value = serde_json::from_str(run.calls[0].body["Entries"][0]["Detail"].as_str().unwrap()).unwrap();
        ids.insert(detail["metadata"]["event_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn the_custom_attributes_that_are_named_travel_and_no_others() {
    let event = fixture("08-custom-attributes.json");
    let cognito: Value = serde_json::from_str(&event).unwrap();
    let attributes = cognito["request"]["userAttributes"].as_object().unwrap();
    let named = attributes.keys().find(|name| name.starts_with("custom:")).unwrap();
    let forward = format!("{named},custom:absent");
    let run = invoke(&event, &[("FORWARD_ATTRIBUTES", &forward)], |call, _| accepted(call)).await;
    let detail = run.calls[0].body["Entries"][0]["Detail"].as_str().unwrap();
    let user = UserConfirmed::from_detail(detail).unwrap();
    let travelled: Vec<_> =
        user.data.custom_attributes.iter().map(|(name, text)| (name.as_ref(), text.as_str())).collect();
    assert_eq!(travelled, [(named.as_str(), attributes[named].as_str().unwrap())]);
}

/// Lambda's own variables, and all that the producer must have.
const CONFIGURED: [(&str, &str); 4] = [
    ("EVENT_BUS_NAME", "bus"),
    ("AWS_REGION", "eu-west-1"),
    ("AWS_ACCESS_KEY_ID", "id"),
    ("AWS_SECRET_ACCESS_KEY", "key"),
];

#[tokio::test]
async fn a_wrong_variable_never_fails_a_sign_up() {
    let function = runtime_api::binary("producer").unwrap();
    let event = fixture("01-email-pool.json");
    for (name, value) in [
        ("EVENT_BUS_NAME", ""),
        ("ON_PUBLISH_FAILURE", "marker"),
        ("PUBLISH_BUDGET_MS", "marker"),
        ("FORWARD_ATTRIBUTES", "marker"),
        ("AWS_CA_BUNDLE", "/marker.pem"),
        ("AWS_REGION", ""),
    ] {
        let variables = [&CONFIGURED[..], &[("ON_PUBLISH_FAILURE", "fail"), (name, value)]].concat();
        let run = runtime_api::invoke(&function, &variables, event.trim_end()).await.unwrap();
        assert_eq!(run.answer.unwrap(), event.trim_end(), "{name}");
        let said = |words: &str| run.log.lines().any(|line| line.contains(words) && line.contains(name));
        assert!(said("wrong configuration") && said("event not published"), "{name}: {}", run.log);
        assert!(run.log.contains("\"level\":\"ERROR\""), "{name}: {}", run.log);
        assert!(run.log.contains("\"UserConfirmedUnpublished\":1"), "{name}: {}", run.log);
        assert!(!run.log.contains("marker"), "{name}: {}", run.log);
    }
}
