//! The consumer's handler against a real Postgres: promises P2, P3 and P4.

use std::time::Duration;

use consumer::{
    Consumer,
    batch::{Batch, Unreadable},
    handle_batch,
    store::Search,
};
use pipeline_tests::scripted_http::Answer;
use serde_json::{Value, json};
use sqlx::Row;
use tokio::time::Instant;
use uuid::Uuid;

use crate::bench_consumer::{
    Bench, HOLD, INVOCATION, SEND, batch, database, handle, lock_users, obliging, people, somebody,
    until_somebody_waits_for_a_lock, user,
};

/// Records in the largest event that Lambda delivers: 6 MB of them.
const LARGEST_BATCH: usize = 4_500;

fn ids(range: std::ops::Range<usize>) -> Vec<String> {
    let mut ids: Vec<_> = range.map(|at| format!("m{at}")).collect();
    ids.sort();
    ids
}

fn attribute<'a>(entry: &'a Value, name: &str) -> Option<&'a str> {
    entry["MessageAttributes"][name]["StringValue"].as_str()
}

#[tokio::test]
async fn a_bad_body_in_a_batch_of_ten_goes_to_the_dead_letters_and_the_nine_become_rows() {
    let bench = Bench::new().await;
    let mut bodies = people(9);
    bodies.insert(4, "not json".to_owned());
    assert!(bench.failed(batch(bodies)).await.is_empty(), "all ten are dealt with");
    assert_eq!(bench.rows().await, 9);
    let buried = bench.buried();
    assert_eq!(buried.len(), 1);
    assert_eq!(buried[0]["MessageBody"], "not json");
    assert_eq!(attribute(&buried[0], "failure_reason"), Some("malformed_envelope"));
    assert_eq!(attribute(&buried[0], "source_message_id"), Some("m4"));
    assert_eq!(attribute(&buried[0], "receive_count"), Some("3"));
    assert_eq!(attribute(&buried[0], "replay_count"), Some("0"));
}

#[tokio::test]
async fn a_user_who_comes_twice_in_a_batch_and_again_in_the_next_has_one_row_from_the_first_message() {
    let bench = Bench::new().await;
    let sub = Uuid::new_v4();
    let named = |name: &str| user(sub, &json!({ "first_name": name }));
    assert!(bench.failed(batch([named("first"), named("second")])).await.is_empty());
    assert!(bench.failed(batch([named("third")])).await.is_empty());
    let rows = sqlx::query("select first_name, is_active from users").fetch_all(&bench.pool).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].get::<&str, _>(0), rows[0].get::<bool, _>(1)), ("first", true));
}

#[tokio::test]
async fn two_users_may_have_the_same_address() {
    let bench = Bench::new().await;
    let shared = json!({ "email": "family@example.com" });
    assert!(bench.failed(batch([somebody(&shared), somebody(&shared)])).await.is_empty());
    assert_eq!(bench.rows().await, 2);
}

#[tokio::test]
async fn texts_arrive_as_they_were_typed_up_to_the_longest_that_cognito_stores() {
    let bench = Bench::new().await;
    let (odd, long) = ("Robert'); DROP TABLE users;-- \"\\ 👩‍💻", "ä".repeat(2048));
    let body = somebody(&json!({ "email": odd, "first_name": long, "last_name": null }));
    assert!(bench.failed(batch([body])).await.is_empty());
    let row = sqlx::query("select email, first_name, last_name from users").fetch_one(&bench.pool).await.unwrap();
    assert_eq!((row.get::<&str, _>(0), row.get::<&str, _>(1)), (odd, long.as_str()));
    assert_eq!(row.get::<Option<&str>, _>(2), None);
}

#[tokio::test]
async fn the_largest_batch_that_lambda_delivers_becomes_rows_in_one_invocation() {
    let bench = Bench::new().await;
    assert!(bench.failed(batch(people(LARGEST_BATCH))).await.is_empty());
    assert_eq!(bench.rows().await, i64::try_from(LARGEST_BATCH).unwrap());
}

#[tokio::test]
async fn batches_with_the_same_users_in_opposite_orders_do_not_deadlock() {
    let bench = Bench::new().await;
    for _ in 0..20 {
        let forward = people(200);
        let backward: Vec<_> = forward.iter().rev().cloned().collect();
        let (one, other) = tokio::join!(bench.failed(batch(forward)), bench.failed(batch(backward)));
        assert!(one.is_empty() && other.is_empty());
    }
    assert_eq!(bench.rows().await, 4_000);
}

/// P4 in SQL: `bad` rows that the table refuses, spread over `n`.
async fn isolate(bad: usize, n: usize) {
    let bench = Bench::new().await;
    bench.sql("alter table users add constraint no_eve check (first_name <> 'Eve')").await;
    let bodies = (0..n).map(|at| {
        let eve = (at * bad) % n < bad;
        somebody(&json!({ "first_name": if eve { "Eve" } else { "Ada" } }))
    });
    assert!(bench.failed(batch(bodies)).await.is_empty(), "{bad} in {n}");
    assert_eq!(bench.rows().await, i64::try_from(n - bad).unwrap(), "{bad} in {n}: the good ones have rows");
    let buried = bench.buried();
    assert_eq!(buried.len(), bad, "{bad} in {n}");
    for entry in buried {
        assert_eq!(attribute(&entry, "failure_reason"), Some("check_violation:no_eve"));
        assert!(entry["MessageBody"].as_str().unwrap().contains("Eve"));
    }
}

#[tokio::test]
async fn one_refused_row_in_ten_costs_the_other_nine_nothing() {
    isolate(1, 10).await;
}

#[tokio::test]
async fn one_refused_row_in_a_thousand_costs_the_others_nothing() {
    isolate(1, 1_000).await;
}

#[tokio::test]
async fn a_hundred_refused_rows_in_four_thousand_cost_the_others_nothing() {
    isolate(100, 4_000).await;
}

#[tokio::test]
async fn a_batch_whose_every_row_breaks_a_rule_about_what_we_write_is_all_among_the_dead_letters() {
    isolate(64, 64).await;
}

#[tokio::test]
async fn isolating_k_refused_rows_among_n_takes_k_log_n_statements() {
    for (bad, n, most) in [(1, 10, 9), (1, 1_000, 21), (10, 1_000, 160), (64, 64, 127)] {
        let bench = Bench::new().await;
        bench.sql("alter table users add constraint no_eve check (first_name <> 'Eve')").await;
        let mut subs: Vec<_> = (0..n).map(|_| Uuid::new_v4()).collect();
        subs.sort();
        let named = |(at, sub): (usize, &Uuid)| {
            user(*sub, &json!({ "first_name": if (at * bad) % n < bad { "Eve" } else { "Ada" } }))
        };
        let bodies: Vec<_> = subs.iter().enumerate().map(named).collect();
        let event = |body| rollcall_events::UserConfirmed::from_envelope(body).unwrap();
        let users: Vec<_> = bodies.iter().map(|body| event(body).data).collect();
        let users: Vec<_> = users.iter().collect();
        let Consumer { database, insert, .. } = &bench.consumer;
        let mut search = Search::begin(database, insert, Instant::now() + INVOCATION);
        search.add(&users).await;
        search.finish().await;
        let outcome = search.take().remove(&0).unwrap();
        assert_eq!((outcome.refused.len(), outcome.inserted.len()), (bad, n - bad));
        assert!(search.statements() <= most, "{bad} in {n}: {} statements", search.statements());
        println!("{bad} refused among {n}: {} statements", search.statements());
    }
}

#[tokio::test]
async fn a_table_of_ones_own_with_unique_addresses_refuses_the_second_user_by_name() {
    let bench = Bench::new().await;
    bench.sql("create unique index users_email_key on users (email)").await;
    let shared = json!({ "email": "family@example.com" });
    assert!(bench.failed(batch([somebody(&shared), somebody(&shared), somebody(&json!({}))])).await.is_empty());
    assert_eq!(bench.rows().await, 2);
    assert_eq!(attribute(&bench.buried()[0], "failure_reason"), Some("unique_violation:users_email_key"));
    assert!(!attribute(&bench.buried()[0], "failure_detail").unwrap().contains("family"), "no personal data");
}

#[tokio::test]
async fn poison_is_acknowledged_only_when_its_copy_is_proven_to_be_among_the_dead_letters() {
    let url = database().await;
    let refuses_odd_ids = |call: &pipeline_tests::scripted_http::Call, before| {
        if call.operation != SEND {
            return obliging(call, before);
        }
        let entries = call.body["Entries"].as_array().unwrap();
        let (odd, even): (Vec<_>, Vec<_>) =
            entries.iter().partition(|entry| entry["Id"].as_str().unwrap().parse::<u8>().unwrap() % 2 == 1);
        let sent: Vec<_> =
            even.iter().map(|entry| json!({ "Id": entry["Id"], "MessageId": "x", "MD5OfMessageBody": "x" })).collect();
        let failed: Vec<_> = odd
            .iter()
            .map(|entry| json!({ "Id": entry["Id"], "Code": "InternalError", "SenderFault": false }))
            .collect();
        Answer::Reply(200, json!({ "Successful": sent, "Failed": failed }))
    };
    let bench = Bench::with(&url, refuses_odd_ids);
    assert_eq!(bench.failed(batch(["a", "b", "c", "d"].map(str::to_owned))).await, ["m1", "m3"]);

    for outage in [Answer::Hang, Answer::Break, Answer::Reply(200, json!({}))] {
        let down = outage.clone();
        let bench = Bench::with(&url, move |_, _| down.clone());
        let mut bodies = people(2);
        bodies.push("not json".to_owned());
        let failed = bench.failed_within(batch(bodies), Duration::from_secs(6)).await;
        assert_eq!(failed, ["m2"], "{outage:?}");
    }
    assert_eq!(Bench::with(&url, obliging).rows().await, 6, "the users are not held up by a queue that is down");
}

#[tokio::test]
async fn when_the_database_is_gone_every_message_is_given_back_and_held_back_in_time() {
    let bench = Bench::with("postgres://nobody@127.0.0.1:1/none?sslmode=disable", obliging);
    let start = Instant::now();
    assert_eq!(bench.failed_within(batch(people(25)), Duration::from_secs(7)).await, ids(0..25));
    assert!(start.elapsed() < Duration::from_secs(7), "{:?}", start.elapsed());
    let held = bench.held();
    assert_eq!(held.len(), 25);
    assert!(
        held.iter().all(|entry| entry["VisibilityTimeout"].as_i64().unwrap() <= 20),
        "the third receive waits 20 s at most"
    );
    assert!(bench.buried().is_empty(), "nobody is poison because the database is down");
}

#[tokio::test]
async fn holding_back_that_fails_costs_nothing_but_the_queues_own_time_out() {
    for broken in [
        Answer::Hang,
        Answer::Break,
        Answer::Reply(200, json!({ "Failed": [{ "Id": "m0", "Code": "x", "SenderFault": true }] })),
    ] {
        let bench = Bench::with("postgres://nobody@127.0.0.1:1/none?sslmode=disable", move |call, _| {
            assert_eq!(call.operation, HOLD);
            broken.clone()
        });
        let start = Instant::now();
        assert_eq!(bench.failed_within(batch(people(1)), Duration::from_secs(5)).await, ["m0"]);
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_database_that_comes_back_within_the_invocation_costs_nobody_a_second_delivery() {
    let bench = Bench::new().await;
    bench.sql("alter table users rename to elsewhere").await;
    bench.sql("create table users (like elsewhere including all)").await;
    // A lock is a database that does not answer until it is released.
    let lock = lock_users(&bench.pool).await;
    let handling = bench.failed(batch(people(3)));
    let (failed, ()) = tokio::join!(handling, async {
        until_somebody_waits_for_a_lock(&bench.pool).await;
        lock.rollback().await.unwrap();
    });
    assert!(failed.is_empty());
    assert_eq!(bench.rows().await, 3);
}

#[tokio::test]
async fn when_the_table_is_missing_every_message_is_given_back_after_a_bounded_number_of_statements() {
    let bench = Bench::new().await;
    bench.sql("drop table users cascade").await;
    assert_eq!(bench.failed(batch(people(1_000))).await.len(), 1_000);
    assert!(bench.buried().is_empty(), "a missing table is nobody's poison");
}

#[tokio::test]
async fn one_row_that_fails_for_a_reason_that_is_not_understood_does_not_hold_up_the_others() {
    let bench = Bench::new().await;
    bench
        .sql("create function odd() returns trigger language plpgsql as $$ begin if new.first_name = 'Eve' then raise exception 'no' using errcode = 'UE001'; end if; return new; end $$")
        .await;
    bench.sql("create trigger odd before insert on users for each row execute function odd()").await;
    let mut bodies = people(99);
    bodies.insert(50, somebody(&json!({ "first_name": "Eve" })));
    assert_eq!(bench.failed(batch(bodies)).await, ["m50"]);
    assert_eq!(bench.rows().await, 99);
    assert!(bench.buried().is_empty(), "what is not understood is tried again, not buried");
}

#[tokio::test]
async fn a_record_without_an_id_gives_the_whole_batch_back_and_inserts_nothing() {
    let bench = Bench::new().await;
    let mut event = batch(people(consumer::CHUNK + 2));
    event.records[consumer::CHUNK + 1].message_id = None;
    assert!(handle(event, Instant::now() + INVOCATION, &bench.consumer).await.is_err());
    assert_eq!(bench.rows().await, 0);
}

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    let bench = Bench::new().await;
    assert!(bench.failed(batch(people(1))).await.is_empty());
    consumer::migrations::migrator().run(&bench.pool).await.unwrap();
    assert_eq!(bench.rows().await, 1);
}

#[tokio::test]
async fn a_statement_that_waits_too_long_is_ended_by_the_server() {
    let bench = Bench::new().await;
    let timeout: String = sqlx::query("show statement_timeout")
        .fetch_one(&mut *bench.consumer.database.acquire().await.unwrap())
        .await
        .unwrap()
        .get(0);
    assert_eq!(timeout, "5s");
}

#[tokio::test]
async fn a_message_that_the_table_refuses_takes_no_other_one_of_its_user_with_it() {
    for between in [0, 200] {
        let bench = Bench::new().await;
        bench.sql("alter table users add constraint no_eve check (first_name <> 'Eve')").await;
        let sub = Uuid::new_v4();
        let named = |name: &str| user(sub, &json!({ "first_name": name }));
        let bodies: Vec<_> = [named("Eve")].into_iter().chain(people(between)).chain([named("Ada")]).collect();
        let last = bodies.last().unwrap().clone();
        let failed = bench.failed(batch(bodies)).await;
        assert_eq!(bench.buried().len(), 1, "{between}: only the one that was tried");
        if !failed.is_empty() {
            assert_eq!(failed, [format!("m{}", between + 1)], "{between}");
            assert!(bench.failed(batch([last])).await.is_empty());
        }
        assert_eq!(bench.rows().await, i64::try_from(between).unwrap() + 1, "{between}: with the name that it accepts");
    }
}

#[tokio::test]
async fn a_record_without_an_id_behind_all_others_gives_the_whole_batch_back() {
    let bench = Bench::new().await;
    for n in [1, 10, consumer::FIRST_CHUNK, consumer::FIRST_CHUNK + 1] {
        let bodies = ["not json".to_owned()].into_iter().chain(people(n));
        let mut event = serde_json::to_value(batch(bodies)).unwrap();
        event["Records"][n].as_object_mut().unwrap().remove("messageId");
        let event = serde_json::to_vec(&event).unwrap();
        let answer = handle_batch(&Batch::of(&event).unwrap(), Instant::now() + INVOCATION, &bench.consumer).await;
        assert_eq!(answer.map(|_| ()).unwrap_err(), Unreadable::MissingMessageId, "{n}: it would be deleted");
        if n <= consumer::FIRST_CHUNK {
            assert!(bench.buried().is_empty(), "{n}: one chunk is read to its end before anything is done");
            assert_eq!(bench.rows().await, 0, "{n}");
        }
    }
}
