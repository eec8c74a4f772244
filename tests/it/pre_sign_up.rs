//! The PreSignUp trigger with events as Cognito sends them: which sign-ups are rejected, with which words, and that every other event comes back as it was.

use std::sync::mpsc;

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use pipeline_tests::runtime_api;
use producer::pre_sign_up::{SignUpRejected, handle};
use rollcall_aws_runtime::{environment::Environment, metrics::Metrics};
use serde_json::value::RawValue;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../producer/fixtures/cognito-pre-sign-up");

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{FIXTURES}/{name}")).unwrap()
}

/// The rows of the fixtures' README: file and rejection.
fn fixtures() -> Vec<(String, Option<String>)> {
    let readme = fixture("README.md");
    let rows = readme.lines().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let file = cells.next().filter(|cell| cell.ends_with(".json"))?;
        Some((file.to_owned(), cells.next().filter(|rejection| *rejection != "none").map(str::to_owned)))
    });
    rows.collect()
}

fn invoke(event: &str) -> (Result<Box<RawValue>, SignUpRejected>, String) {
    let payload = RawValue::from_string(event.trim_end().to_owned()).unwrap();
    let (line, lines) = mpsc::channel();
    let unset: [(&str, &str); 0] = [];
    let metrics = Metrics::written_by(&Environment::from_iter(unset), move |text| line.send(text.to_owned()).unwrap());
    let answer = handle(LambdaEvent::new(payload, Context::default()), &metrics);
    (answer, lines.try_iter().collect())
}

#[test]
fn every_pre_sign_up_fixture_is_echoed_byte_for_byte_or_rejected_as_its_readme_says() {
    let files = std::fs::read_dir(FIXTURES)
        .unwrap()
        .filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "json"));
    assert_eq!(fixtures().len(), files.count(), "every file has a row in the README");
    for (file, rejection) in fixtures() {
        let event = fixture(&file);
        let (answer, metrics) = invoke(&event);
        match (&answer, &rejection) {
            (Ok(answer), None) => assert_eq!(answer.get(), event.trim_end(), "{file}"),
            (Err(rejected), Some(words)) => assert_eq!(Diagnostic::from(*rejected).error_message, *words, "{file}"),
            _ => panic!("{file}: {answer:?}"),
        }
        assert_eq!(metrics.contains("\"SignUpRejected\":1"), rejection.is_some(), "{file}: {metrics}");
        println!("{file}: {}", rejection.as_deref().unwrap_or("echoed"));
    }
}

#[tokio::test]
async fn the_function_gives_lambda_the_very_bytes_back_or_the_words_for_the_user() {
    let function = runtime_api::binary("pre-sign-up").unwrap();
    let event = fixture("12-unknown-fields.json");
    let echoed = runtime_api::invoke(&function, &[], event.trim_end()).await.unwrap();
    assert_eq!(echoed.answer.unwrap(), event.trim_end(), "it needs no variable besides Lambda's own");
    let rejected = runtime_api::invoke(&function, &[], &fixture("03-nul-in-first-name.json")).await.unwrap();
    let error = rejected.answer.unwrap_err();
    assert_eq!(
        error["errorMessage"],
        "The first name contains a character that cannot be stored: please type it again"
    );
    println!("from the start of the process to its first answer: {:?} and {:?}", echoed.took, rejected.took);
}
