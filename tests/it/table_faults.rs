//! Tables that do more than hold rows: what becomes of a user whose row they skip or refuse (promises P2, P3 and P7).

use std::time::Duration;

use pipeline_tests::tcp_proxy::TcpProxy;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use uuid::Uuid;

use crate::bench_consumer::{
    Bench, batch, database, obliging, people, server, somebody, until_somebody_waits_for_a_lock, user,
};

/// A row-level trigger that runs before each insert; `body` is the text of its function.
pub(crate) async fn before_insert(bench: &Bench, body: &'static str) {
    let function = format!("create function before_insert() returns trigger language plpgsql as $$ {body} $$");
    sqlx::raw_sql(sqlx::AssertSqlSafe(function)).execute(&bench.pool).await.unwrap();
    bench
        .sql("create trigger before_insert before insert on users for each row execute function before_insert()")
        .await;
}

pub(crate) fn reasons(bench: &Bench) -> Vec<String> {
    let reason =
        |entry: &Value| entry["MessageAttributes"]["failure_reason"]["StringValue"].as_str().unwrap().to_owned();
    bench.buried().iter().map(reason).collect()
}

// ── rows that the table skips

#[tokio::test]
async fn a_user_whose_row_a_trigger_skips_is_a_dead_letter_and_not_acknowledged_as_present() {
    let bench = Bench::new().await;
    before_insert(&bench, "begin if new.first_name = 'Eve' then return null; end if; return new; end").await;
    let present = Uuid::new_v4();
    assert!(bench.failed(batch([user(present, &json!({}))])).await.is_empty());
    let eve = somebody(&json!({ "first_name": "Eve" }));
    let bodies = [people(8), vec![eve.clone(), user(present, &json!({}))]].concat();
    assert!(bench.failed(batch(bodies)).await.is_empty(), "every message has a row or a copy");
    assert_eq!(bench.rows().await, 9, "the others have rows");
    assert_eq!(reasons(&bench), ["row_not_stored"]);
    assert_eq!(bench.buried()[0]["MessageBody"], eve.as_str());
}

#[tokio::test]
async fn a_key_of_any_kind_of_text_is_found_again_among_the_rows_that_are_there() {
    for kind in ["text", "varchar(36)", "char(36)", "varchar"] {
        let bench = Bench::new().await;
        let change = format!("alter table users alter column cognito_sub type {kind}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(change)).execute(&bench.pool).await.unwrap();
        let bodies = people(3);
        assert!(bench.failed(batch(bodies.clone())).await.is_empty(), "{kind}");
        assert!(bench.failed(batch(bodies)).await.is_empty(), "{kind}");
        assert_eq!(bench.rows().await, 3, "{kind}");
        assert!(bench.buried().is_empty(), "{kind}: users who have a row are not dead letters");
    }
}

#[tokio::test]
async fn a_row_that_another_transaction_commits_while_the_insert_waits_for_it_counts_as_present() {
    let bench = Bench::new().await;
    let sub = Uuid::new_v4();
    let mut other = bench.pool.begin().await.unwrap();
    sqlx::query("insert into users (cognito_sub) values ($1)").bind(sub).execute(&mut *other).await.unwrap();
    let (failed, ()) = tokio::join!(bench.failed(batch([user(sub, &json!({}))])), async {
        until_somebody_waits_for_a_lock(&bench.pool).await;
        other.commit().await.unwrap();
    });
    assert!(failed.is_empty());
    assert!(bench.buried().is_empty());
    assert_eq!(bench.rows().await, 1);
}

// ── faults of the table, which meet everybody

/// Everybody comes back, nobody is buried, and the metric says so.
pub(crate) async fn everybody_is_held_back(bench: &Bench, what: &str) {
    everybody_is_held_back_of(bench, 6, what).await;
}

pub(crate) async fn everybody_is_held_back_of(bench: &Bench, n: u32, what: &str) {
    let users = usize::try_from(n).unwrap();
    let before = bench.rows().await;
    let failed = bench.failed(batch(people(users))).await;
    assert_eq!(failed.len(), users, "{what}: healthy users come back");
    assert!(bench.buried().is_empty(), "{what}: nobody is a dead letter because of the table: {:?}", reasons(bench));
    assert_eq!(bench.held().len(), users, "{what}");
    assert_eq!(bench.counted("TableUnfit").to_bits(), f64::from(n).to_bits(), "{what}");
    assert_eq!(bench.rows().await, before, "{what}");
}

#[tokio::test]
async fn what_is_wrong_with_other_columns_than_ours_holds_everybody_back_and_buries_nobody() {
    for fault in [
        // A column that somebody adds without a default.
        "alter table users add column tenant text not null",
        "alter table users add column plan text default 'free' constraint paid check (plan <> 'free')",
        "alter table users add column slot int default 1, add constraint one_slot unique (slot); \
         insert into users (cognito_sub) values (gen_random_uuid())",
        "create table plans (id int primary key); \
         alter table users add column plan int default 7 references plans",
        // The constant that we write is the same for everybody.
        "alter table users add constraint inactive check (not is_active)",
        // Exhausted: 2200H.
        "create sequence few maxvalue 2; select nextval('few') from generate_series(1, 2); \
         alter table users add column number bigint; alter table users alter column number set default nextval('few')",
        // A setting that the server does not understand: 22023.
        "create function zone() returns text language sql as $$ select (now() at time zone 'Nowhere/Nothing')::text $$; \
         alter table users add column local text; alter table users alter column local set default zone()",
    ] {
        let bench = Bench::new().await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(fault)).execute(&bench.pool).await.unwrap();
        everybody_is_held_back(&bench, fault).await;
    }
}

#[tokio::test]
async fn a_sequence_that_lags_behind_its_column_after_a_restore_buries_nobody() {
    let bench = Bench::new().await;
    bench
        .sql("alter table users drop constraint users_pkey, add unique (cognito_sub), add column id serial primary key")
        .await;
    bench.sql("insert into users (cognito_sub, id) select gen_random_uuid(), n from generate_series(1, 3000) n").await;
    let bodies = people(6);
    let failed = bench.failed(batch(bodies.clone())).await;
    assert_eq!(failed.len(), 6);
    assert!(bench.buried().is_empty(), "{:?}", reasons(&bench));
    bench.sql("select setval('users_id_seq', 3000)").await;
    assert!(bench.failed(batch(bodies)).await.is_empty());
    assert_eq!(bench.rows().await, 3_006);
}

#[tokio::test]
async fn an_error_while_connecting_is_never_anybodys_poison_whatever_its_code() {
    for code in ["22023", "23505", "23502", "P0001"] {
        let url = refusing_server(code).await;
        let bench = Bench::with(&url, obliging);
        let failed = bench.failed_within(batch(people(2)), Duration::from_secs(4)).await;
        assert_eq!(failed, ["m0", "m1"], "{code}");
        assert!(bench.buried().is_empty(), "{code}: {:?}", reasons(&bench));
        assert_eq!(bench.held().len(), 2, "{code}");
    }
}

/// A server that refuses every connection with this SQLSTATE.
/// Source: "Message Formats", `ErrorResponse`, in the PostgreSQL documentation.
async fn refusing_server(code: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut startup = [0; 1_024];
            let _ = client.read(&mut startup).await;
            let fields = format!("SFATAL\0VFATAL\0C{code}\0Mrefused\0\0");
            let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
            let _ = client.write_all(&[b"E", &length[..], fields.as_bytes()].concat()).await;
        }
    });
    format!("postgres://rollcall@127.0.0.1:{port}/none?sslmode=disable")
}

#[tokio::test]
async fn a_row_of_another_table_that_a_trigger_writes_is_not_a_column_of_ours() {
    let bench = Bench::new().await;
    bench.sql("create table audit (email text not null)").await;
    before_insert(&bench, "begin insert into audit (email) values (null); return new; end").await;
    everybody_is_held_back(&bench, "a trigger's own insert").await;
}

#[tokio::test]
async fn where_only_some_rows_meet_the_tables_fault_the_others_are_inserted() {
    let bench = Bench::new().await;
    bench.sql("alter table users add column plan text not null default 'free'").await;
    before_insert(&bench, "begin if new.first_name = 'Eve' then new.plan := null; end if; return new; end").await;
    let mut bodies = people(99);
    bodies.insert(50, somebody(&json!({ "first_name": "Eve" })));
    assert_eq!(bench.failed(batch(bodies)).await, ["m50"]);
    assert_eq!(bench.rows().await, 99);
    assert!(bench.buried().is_empty());
    assert_eq!(bench.counted("TableUnfit").to_bits(), 1_f64.to_bits());
}

#[tokio::test]
async fn a_fault_that_meets_nearly_everybody_does_not_keep_the_few_others_from_their_rows() {
    let bench = Bench::new().await;
    bench.sql("alter table users add column plan text not null default 'free'").await;
    before_insert(&bench, "begin if new.first_name <> 'Ada' then new.plan := null; end if; return new; end").await;
    let bodies = (0..200).map(|at| somebody(&json!({ "first_name": if at < 20 { "Ada" } else { "Eve" } })));
    assert_eq!(bench.failed(batch(bodies)).await.len(), 180);
    assert_eq!(bench.rows().await, 20);
}

#[tokio::test]
async fn a_trigger_that_raises_for_one_row_makes_poison_of_it_and_for_every_row_a_fault_of_the_table() {
    let bench = Bench::new().await;
    before_insert(
        &bench,
        "begin if new.first_name = 'Eve' then raise exception 'no %', new.email; end if; return new; end",
    )
    .await;
    let eve = || somebody(&json!({ "first_name": "Eve", "email": "eve@example.com" }));
    let mut bodies = people(99);
    bodies.insert(50, eve());
    assert!(bench.failed(batch(bodies)).await.is_empty());
    assert_eq!(bench.rows().await, 99);
    assert_eq!(reasons(&bench), ["raised_exception"]);
    let detail = &bench.buried()[0]["MessageAttributes"]["failure_detail"]["StringValue"];
    assert!(!detail.as_str().unwrap().contains("eve@"), "the trigger's own words can quote the person");
    assert_eq!(bench.failed(batch([eve(), eve(), eve()])).await.len(), 3, "nobody has passed the trigger here");
    assert_eq!(bench.buried().len(), 1);
    assert_eq!(bench.counted("TableUnfit").to_bits(), 3_f64.to_bits());
}

// ── refusals that are about what we write

#[tokio::test]
async fn a_refusal_that_concerns_a_column_of_ours_is_poison_however_the_table_says_it() {
    let eve = json!({ "first_name": "Eve", "email": "EVE@example.com", "last_name": null });
    for (table, reason) in [
        ("alter table users add constraint no_eve check (first_name <> 'Eve')", "check_violation:no_eve"),
        ("alter table users alter column last_name set not null", "not_null_violation:last_name"),
        ("alter table users alter column first_name type varchar(2)", "text_too_long"),
        (
            "create unique index one_address on users (lower(email)); insert into users values (gen_random_uuid(), 'eve@example.com')",
            "unique_violation:one_address",
        ),
        (
            "create unique index one_active on users (is_active) where email is not null; \
             insert into users (cognito_sub, email, is_active) values (gen_random_uuid(), 'x', true)",
            "unique_violation:one_active",
        ),
        (
            "alter table users add column tenant int default 1, add constraint one_each unique (tenant, email); \
             insert into users (cognito_sub, email) values (gen_random_uuid(), 'EVE@example.com')",
            "unique_violation:one_each",
        ),
        (
            "create table names (name text primary key); alter table users add constraint known foreign key (first_name) references names",
            "foreign_key_violation:known",
        ),
        (
            "create table known (name text primary key); alter table users add column friend text \
               generated always as (case when first_name = 'Eve' then first_name end) stored constraint friends references known",
            "foreign_key_violation:friends",
        ),
        (
            "create domain calm as text constraint no_shouting check (value !~ '[A-Z]{2}'); alter table users alter column email type calm",
            "check_violation:no_shouting",
        ),
        (
            "drop table users cascade; create table users (cognito_sub uuid primary key, email text, first_name text, last_name text, \
             is_active boolean, constraint no_eve check (first_name <> 'Eve')) partition by hash (cognito_sub); \
             create table users_0 partition of users for values with (modulus 2, remainder 0); \
             create table users_1 partition of users for values with (modulus 2, remainder 1)",
            "check_violation:no_eve",
        ),
    ] {
        let bench = Bench::new().await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(table)).execute(&bench.pool).await.unwrap();
        let before = bench.rows().await;
        // Everybody else leaves null what the table has an opinion on, but for the name that must be there.
        let good = (0..5).map(|_| somebody(&json!({ "first_name": null, "last_name": "L" })));
        assert!(bench.failed(batch(good.chain([somebody(&eve)]))).await.is_empty(), "{table}");
        assert_eq!(reasons(&bench), [reason], "{table}");
        assert_eq!(bench.rows().await, before + 5, "{table}");
        assert!(bench.counted("TableUnfit") == 0.0, "{table}");
    }
}

#[tokio::test]
async fn the_catalogue_is_asked_once_about_a_constraint() {
    let url = database().await;
    let proxy = TcpProxy::start(server().port()).await.unwrap();
    let through = url.replace(&server().port().to_string(), &proxy.port().to_string());
    let bench = Bench::logged_in(&url, &[("DATABASE_URL", &through)], obliging);
    bench.sql("alter table users add constraint no_eve check (first_name <> 'Eve')").await;
    let mut trips = Vec::new();
    for _ in 0..3 {
        let before = proxy.round_trips();
        assert!(bench.failed(batch([somebody(&json!({ "first_name": "Eve" }))])).await.is_empty());
        trips.push(proxy.round_trips() - before);
    }
    assert!(trips[1] < trips[0] && trips[1] == trips[2], "{trips:?}");
    assert_eq!(bench.buried().len(), 3);
}
