//! The whole path on real parts: the Cognito API, the deployed functions, the bus, the queue, the database.

use std::{
    collections::HashSet,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    thread,
    time::Duration,
};

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use pipeline_tests::{Options, Stack, clients::Clients, functions, people::Person, tap::Tap, wait};
use rollcall_events::{CognitoSub, UserConfirmed};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

/// Longest wait for a row: the path takes some 50 ms here, and a machine that is busy with the other tests some seconds.
const SOON: Duration = Duration::from_secs(30);

/// E-mail, first name, last name, as they stand in the table.
type UserRow = (Option<String>, Option<String>, Option<String>);

async fn rows(stack: &Stack, sub: CognitoSub) -> anyhow::Result<Vec<UserRow>> {
    let mut connection = PgConnection::connect(&stack.database_url).await?;
    let rows = sqlx::query("select email, first_name, last_name from users where cognito_sub = $1")
        .bind(sub.as_uuid())
        .fetch_all(&mut connection)
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}

async fn row(stack: &Stack, sub: CognitoSub) -> UserRow {
    wait::until("the user has a row", SOON, async || Ok(rows(stack, sub).await?.pop())).await.unwrap()
}

/// What was published until the event of `last` came out; every event of before has come out by then, too.
async fn tapped_until(tap: &Tap, last: CognitoSub) -> Vec<CognitoSub> {
    let mut subs = Vec::new();
    wait::until("the last event comes out of the tap", SOON, async || {
        subs.extend(tap.take().await?.into_iter().map(|tapped| tapped.sub));
        Ok(subs.contains(&last).then_some(()))
    })
    .await
    .unwrap();
    subs
}

/// Invokes the deployed producer as Cognito would, and gives back the very bytes it answered.
fn trigger(stack: &Stack, event: &str) -> String {
    functions::invoke(stack, &stack.outputs.producer_function_name, event).unwrap()
}

fn confirmation_of(sub: CognitoSub) -> String {
    let event = json!({
        "version": "1", "region": "us-east-1", "userPoolId": "us-east-1_Ab12Cd34E", "userName": sub.to_string(),
        "callerContext": { "awsSdkVersion": "x", "clientId": "y" },
        "triggerSource": "PostConfirmation_ConfirmSignUp",
        "request": { "userAttributes": { "sub": sub.to_string(), "email": "thrice@example.com" } },
        "response": {},
    });
    format!("{event:#}")
}

/// The body of a queue message, as a fallback or a replay would write it.
fn envelope_of(sub: CognitoSub) -> String {
    json!({
        "detail-type": "UserConfirmed",
        "detail": {
            "metadata": { "version": 1, "event_id": Uuid::new_v4(), "occurred_at": "2026-11-22T21:00:00.000Z", "origin": "sign_up" },
            "data": { "cognito_sub": sub.to_string(), "username": "u", "user_pool_id": "us-east-1_Ab12Cd34E" },
        },
    })
    .to_string()
}

fn new_sub() -> CognitoSub {
    CognitoSub::parse(&Uuid::new_v4().to_string()).unwrap()
}

#[tokio::test]
async fn a_sign_up_becomes_exactly_one_row_with_what_the_person_typed() {
    let stack = Stack::shared().unwrap();
    let clients = Clients::of(stack).unwrap();
    let person = Person::new("Zoë", "O'Brien \"\\; drop table users");
    let sub = person.sign_up(&clients.cognito, stack).await.unwrap();
    assert_eq!(rows(stack, sub).await.unwrap(), [], "no row before the user is confirmed");
    person.confirm(&clients.cognito, stack).await.unwrap();
    let expected = (Some(person.email), Some(person.given_name), Some(person.family_name));
    assert_eq!(row(stack, sub).await, expected);
    assert_eq!(rows(stack, sub).await.unwrap(), [expected]);
}

#[tokio::test]
async fn the_same_confirmation_three_times_is_three_events_with_one_id_and_one_row() {
    let stack = Stack::shared().unwrap();
    let tap = Tap::open(&Clients::of(stack).unwrap(), stack).await.unwrap();
    let sub = new_sub();
    for _ in 0..3 {
        let event = confirmation_of(sub);
        assert_eq!(trigger(stack, &event), event);
    }
    let mut ids = Vec::new();
    wait::until("all three come out of the tap", SOON, async || {
        let events = tap.take().await?.into_iter().filter(|event| event.sub == sub);
        ids.extend(events.map(|event| event.event_id));
        Ok((ids.len() == 3).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 1);
    // A user who comes later has a row: the three have been handled, as far as the queue keeps its order.
    let later = new_sub();
    trigger(stack, &confirmation_of(later));
    row(stack, later).await;
    row(stack, sub).await;
    assert_eq!(rows(stack, sub).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_new_password_publishes_the_same_event_again_and_makes_no_second_row() {
    let stack = Stack::shared().unwrap();
    let clients = Clients::of(stack).unwrap();
    let (forgetful, other) = (Person::new("Ada", "Forgetful"), Person::new("Bob", "Marker"));
    let tap = Tap::open(&clients, stack).await.unwrap();
    let sub = forgetful.sign_up(&clients.cognito, stack).await.unwrap();
    forgetful.confirm(&clients.cognito, stack).await.unwrap();
    forgetful.reset_password(&clients.cognito, stack).await.unwrap();
    // Another sign-up marks the end: the trigger is called before Cognito answers, so nothing comes later.
    let marker = other.sign_up(&clients.cognito, stack).await.unwrap();
    other.confirm(&clients.cognito, stack).await.unwrap();
    let published = tapped_until(&tap, marker).await;
    assert_eq!(published.iter().filter(|published| **published == sub).count(), 2, "the sign-up and the new password");
    row(stack, marker).await;
    row(stack, sub).await;
    assert_eq!(rows(stack, sub).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_first_sign_in_makes_the_row_of_a_user_who_never_signed_up() {
    let stack = Stack::shared().unwrap();
    let sub = new_sub();
    let event = confirmation_of(sub).replace("PostConfirmation_ConfirmSignUp", "PostAuthentication_Authentication");
    assert_eq!(trigger(stack, &event), event);
    row(stack, sub).await;
}

#[tokio::test]
async fn a_user_whom_an_administrator_confirms_becomes_a_row() {
    let stack = Stack::shared().unwrap();
    let clients = Clients::of(stack).unwrap();
    let person = Person::new("Ada", "Confirmed");
    let sub = person.sign_up(&clients.cognito, stack).await.unwrap();
    clients
        .cognito
        .admin_confirm_sign_up()
        .user_pool_id(&stack.user_pool_id)
        .username(&person.email)
        .send()
        .await
        .unwrap();
    assert_eq!(row(stack, sub).await.0, Some(person.email));
}

#[tokio::test]
async fn a_body_that_is_not_json_costs_its_nine_neighbours_nothing() {
    let stack = Stack::shared().unwrap();
    let clients = Clients::of(stack).unwrap();
    let subs: Vec<_> = (0..9).map(|_| new_sub()).collect();
    let mut bodies: Vec<_> = subs.iter().map(|sub| envelope_of(*sub)).collect();
    bodies.insert(4, "this is not JSON".to_owned());
    let entries = bodies.into_iter().enumerate().map(|(at, body)| {
        SendMessageBatchRequestEntry::builder().id(at.to_string()).message_body(body).build().unwrap()
    });
    let sent = clients
        .sqs
        .send_message_batch()
        .queue_url(&stack.outputs.queue_url)
        .set_entries(Some(entries.collect()))
        .send()
        .await
        .unwrap();
    assert_eq!(sent.successful().len(), 10);
    for sub in subs {
        row(stack, sub).await;
    }
}

#[tokio::test]
async fn when_eventbridge_refuses_the_queue_brings_the_row_and_the_person_notices_nothing() {
    let stack = Stack::start(&Options::default(), &|_| ()).unwrap();
    let producer = &stack.outputs.producer_function_name;
    functions::set_variable(&stack, producer, "AWS_ENDPOINT_URL_EVENTBRIDGE", &refusing_eventbridge()).unwrap();
    let clients = Clients::of(&stack).unwrap();
    let person = Person::new("Ada", "Fallback");
    let sub = person.sign_up(&clients.cognito, &stack).await.unwrap();
    person.confirm(&clients.cognito, &stack).await.unwrap();
    assert_eq!(row(&stack, sub).await.0, Some(person.email));
    let log = functions::log_lines(&stack, producer).unwrap().join("\n");
    assert!(log.contains(r#""path":"queue""#), "the row came by the fallback and not by EventBridge:\n{log}");
    stack.stop();
}

/// An EventBridge that takes no entry and says so with HTTP 200, as the real one does.
fn refusing_eventbridge() -> String {
    const ANSWER: &str = r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"InternalFailure","ErrorMessage":"no"}]}"#;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            // The request is small and comes in one piece; what it says does not matter.
            let _ = connection.read(&mut vec![0; 65536]);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", ANSWER.len());
            let _ = connection.write_all(format!("{head}{ANSWER}").as_bytes());
        }
    });
    url
}

#[tokio::test]
async fn every_cognito_fixture_comes_back_from_the_deployed_function_byte_for_byte() {
    let stack = Stack::shared().unwrap();
    let tap = Tap::open(&Clients::of(stack).unwrap(), stack).await.unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../producer/fixtures/cognito");
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for file in readme.split('|').map(str::trim).filter(|cell| cell.ends_with(".json")) {
        let event = std::fs::read_to_string(folder.join(file)).unwrap();
        assert_eq!(trigger(stack, event.trim_end()), event.trim_end(), "{file}");
    }
    let marker = new_sub();
    trigger(stack, &confirmation_of(marker));
    let published = tapped_until(&tap, marker).await;
    // The test of the handler says which; here it counts that those and no others went through the real bus.
    let expected = readme.lines().filter(|line| line.contains(".json | yes |")).count();
    let of_fixtures = published.iter().filter(|sub| readme_subs(&folder).contains(sub)).count();
    assert_eq!(of_fixtures, expected);
}

/// Every `sub` that a fixture names.
fn readme_subs(folder: &Path) -> HashSet<CognitoSub> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let events = files.filter_map(|text| serde_json::from_str::<Value>(&text).ok());
    events.filter_map(|event| CognitoSub::parse(event.pointer("/request/userAttributes/sub")?.as_str()?).ok()).collect()
}

#[tokio::test]
async fn the_stack_attaches_its_trigger_to_the_pool_and_leaves_the_pools_other_settings() {
    let stack = Stack::shared().unwrap();
    let cognito = Clients::of(stack).unwrap().cognito;
    let pool = cognito.describe_user_pool().user_pool_id(&stack.user_pool_id).send().await.unwrap().user_pool.unwrap();
    let attached = pool.lambda_config().and_then(|config| config.post_confirmation());
    // The functions of a LocalStack that was running already do not know this Cognito, and the stack is made without the wiring.
    let own_localstack = std::env::var_os("AWS_ENDPOINT_URL").is_none();
    assert_eq!(attached, own_localstack.then_some(stack.outputs.producer_function_arn.as_str()));
    // This Cognito, too, resets what an update does not send.
    assert!(!pool.auto_verified_attributes().is_empty());
    assert!(pool.policies().is_some());
}

#[tokio::test]
async fn nothing_personal_reaches_a_log() {
    let stack = Stack::shared().unwrap();
    let clients = Clients::of(stack).unwrap();
    let person = Person::new("Markergiven", "Markerfamily");
    let sub = person.sign_up(&clients.cognito, stack).await.unwrap();
    person.confirm(&clients.cognito, stack).await.unwrap();
    row(stack, sub).await;
    // A body that is refused is the likeliest to be logged by mistake.
    let broken = envelope_of(sub).replace("\"data\":{", "\"data\":{\"email\":[\"markerbroken@example.com\"],");
    let broken = broken.replace(&format!("\"{sub}\""), "[\"markerbroken@example.com\"]");
    assert!(UserConfirmed::from_envelope(&broken).is_err());
    clients.sqs.send_message().queue_url(&stack.outputs.queue_url).message_body(broken).send().await.unwrap();
    let log = |function: &str| functions::log_lines(stack, function).unwrap().join("\n");
    let (producer, consumer) = (&stack.outputs.producer_function_name, &stack.outputs.consumer_function_name);
    wait::until("the refused body and the published event are in the logs", SOON, async || {
        let seen = log(consumer).contains("malformed_detail") && log(producer).contains(&sub.to_string());
        Ok(seen.then_some(()))
    })
    .await
    .unwrap();
    for text in [log(producer), log(consumer)] {
        let lower = text.to_lowercase();
        for word in ["marker", "@example.com"] {
            assert!(!lower.contains(word), "a log shows {word}");
        }
    }
}
