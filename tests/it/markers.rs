//! Personal data reaches no log and no attribute, whatever happens to a message and whatever the variables say about the log.

use pipeline_tests::{runtime_api, wait};
use rustix::process::Signal;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::{
    bench_consumer::{database, somebody},
    polling::{SOON, Worker},
    publishing::fixture,
};

/// Stands in every field of every message of the test below.
const MARKER: &str = "xyzzymarker";

/// A message of a user whose every text is the marker, changed by `edit`.
fn marked(edit: impl Fn(&mut Value)) -> String {
    let about = json!({
        "username": MARKER, "email": format!("{MARKER}@example.com"), "phone_number": MARKER,
        "first_name": MARKER, "last_name": MARKER, "unknown": MARKER,
    });
    let mut event: Value = serde_json::from_str(&somebody(&about)).unwrap();
    edit(&mut event);
    event.to_string()
}

/// One message for each way in which a body or a row can be refused, and the reason that is expected.
fn every_kind_of_poison() -> Vec<(&'static str, String)> {
    let set =
        |pointer: &'static str, value: Value| marked(|event| *event.pointer_mut(pointer).unwrap() = value.clone());
    vec![
        ("malformed_envelope", format!("{{{MARKER}")),
        ("wrong_detail_type", set("/detail-type", json!(MARKER))),
        ("unsupported_version", set("/detail/metadata/version", json!(2))),
        ("malformed_detail", set("/detail/data/cognito_sub", json!([MARKER]))),
        ("invalid_field", set("/detail/data/cognito_sub", json!(MARKER))),
        ("check_violation:no_eve", set("/detail/data/first_name", json!(format!("Eve {MARKER}")))),
        ("text_too_long", set("/detail/data/last_name", json!(MARKER.repeat(10)))),
        ("unique_violation:one_address", set("/detail/data/email", json!(format!("taken.{MARKER}@example.com")))),
        ("foreign_key_violation:known", set("/detail/data/first_name", json!(format!("Unknown {MARKER}")))),
    ]
}

/// Says something about every row to whoever inserts it, and raises an exception that quotes the row for one kind of user.
const UNFRIENDLY_TABLE: &str = "\
create table known (name text primary key); \
alter table users add constraint no_eve check (first_name not like 'Eve%'), alter last_name type varchar(50); \
create unique index one_address on users (email) where email like 'taken%'; \
alter table users add column friend text \
  generated always as (case when first_name like 'Unknown%' then first_name end) stored constraint known references known; \
create function quote() returns trigger language plpgsql as \
  $$ begin raise notice 'welcome %', new.email; raise warning 'look at %', new; raise log 'and at %', new; \
       if new.first_name like 'Odd%' then raise exception 'no %', new; end if; return new; end $$; \
create trigger quote before insert on users for each row execute function quote()";

#[tokio::test]
async fn a_marker_that_takes_every_path_reaches_no_log_and_no_attribute() {
    let loud = [("AWS_LAMBDA_LOG_LEVEL", "TRACE"), ("LOG_LEVEL", "trace"), ("RUST_LOG", "trace")];
    let mut worker = Worker::with(database().await, &loud).await;
    sqlx::raw_sql(UNFRIENDLY_TABLE).execute(&worker.pool).await.unwrap();
    let taken =
        format!("insert into users (cognito_sub, email) values (gen_random_uuid(), 'taken.{MARKER}@example.com')");
    sqlx::raw_sql(AssertSqlSafe(taken)).execute(&worker.pool).await.unwrap();
    let poison = every_kind_of_poison();
    let odd = marked(|event| event["detail"]["data"]["first_name"] = json!(format!("Odd {MARKER}")));
    let good = marked(|_| ());
    let lossy = marked(|event| {
        event["detail"]["data"]["first_name"] = json!(format!("{MARKER}\0"));
        event["detail"]["data"]["email"] = json!({ MARKER: [MARKER] });
    });
    worker.send(poison.iter().map(|(_, body)| body.clone()).chain([odd, good, lossy]).collect()).await;

    // The odd one and the long one are poison only once another user passes, so there is another one at each look.
    let (mut reasons, mut others) = (Vec::new(), 0);
    wait::until("all of it is among the dead letters", SOON, async || {
        let call = worker.clients.sqs.receive_message().queue_url(&worker.dlq_url).max_number_of_messages(10);
        for message in call.message_attribute_names("All").send().await?.messages.unwrap_or_default() {
            let attributes = message.message_attributes.unwrap_or_default();
            assert!(!format!("{attributes:?}").contains(MARKER), "{attributes:?}");
            reasons.push(attributes["failure_reason"].string_value.clone().unwrap());
        }
        if reasons.len() > poison.len() {
            return Ok(Some(()));
        }
        worker.send(vec![marked(|_| ())]).await;
        others += 1;
        Ok(None)
    })
    .await
    .unwrap();
    let mut expected: Vec<_> = poison.iter().map(|(reason, _)| (*reason).to_owned()).collect();
    expected.push("raised_exception".to_owned());
    expected.sort();
    reasons.sort();
    assert_eq!(reasons, expected);
    wait::until(
        "the good one, the one without a name, and the others have rows beside the one that was there",
        SOON,
        async || Ok((worker.rows().await == 3 + others).then_some(())),
    )
    .await
    .unwrap();

    // Then the database goes.
    let name = worker.database_url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let end = format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}' and pid <> pg_backend_pid()"
    );
    sqlx::raw_sql(AssertSqlSafe(end)).execute(&worker.pool).await.unwrap();
    worker.signal(Signal::TERM);
    assert!(worker.ended().await.success());
    let said = std::fs::read_to_string(&worker.log).unwrap();
    assert!(said.contains("poison") && said.contains("SQLSTATE P0001"), "the log tells what happened: {said}");
    assert!(
        said.contains("attribute dropped") && said.contains(r#""AttributeDropped":1"#),
        "and what was lost: {said}"
    );
    assert!(!said.to_lowercase().contains(MARKER), "{said}");
}

#[tokio::test]
async fn the_producers_log_shows_no_user_at_any_level() {
    let function = runtime_api::binary("producer").unwrap();
    let event = fixture("01-email-pool.json");
    let email = serde_json::from_str::<Value>(&event).unwrap()["request"]["userAttributes"]["email"].clone();
    let variables = [
        ("AWS_LAMBDA_LOG_LEVEL", "TRACE"),
        ("RUST_LOG", "trace"),
        ("EVENT_BUS_NAME", "bus"),
        ("FALLBACK_QUEUE_URL", "http://127.0.0.1:1/000000000000/users"),
        ("PUBLISH_BUDGET_MS", "300"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "key"),
    ];
    let run = runtime_api::invoke(&function, &variables, event.trim_end()).await.unwrap();
    assert_eq!(run.answer.unwrap(), event.trim_end());
    assert!(run.log.contains("event not published"), "{}", run.log);
    assert!(!run.log.contains(email.as_str().unwrap()) && !run.log.contains("Lovelace"), "{}", run.log);
}
