//! Rows that the table rejects or skips without a proof that the row is at fault: a dead letter only when another row has passed (promises P3, P4 and P7).

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::{
    bench_consumer::{Bench, batch, people, somebody, until_somebody_waits_for_a_lock, user},
    table_faults::{before_insert, everybody_is_held_back, everybody_is_held_back_of, reasons},
};

async fn change(bench: &Bench, table: &str) {
    sqlx::raw_sql(AssertSqlSafe(table.to_owned())).execute(&bench.pool).await.unwrap();
}

fn named(name: &str) -> String {
    somebody(&json!({ "first_name": name }))
}

/// Rejects or skips Eve's row, and each with its reason.
const AGAINST_EVE: [(&str, &str); 5] = [
    ("begin if new.first_name = 'Eve' then raise exception 'no'; end if; return new; end", "raised_exception"),
    ("begin if new.first_name = 'Eve' then return null; end if; return new; end", "row_not_stored"),
    (
        "declare short varchar(2) := 'a'; begin if new.first_name = 'Eve' then short := 'abc'; end if; return new; end",
        "text_too_long",
    ),
    ("begin if new.first_name = 'Eve' then perform 1 / 0; end if; return new; end", "data_exception"),
    (
        "begin if new.first_name = 'Eve' then raise exception 'no' using errcode = 'check_violation'; end if; return new; end",
        "check_violation",
    ),
];

// ── faults that every row meets

#[tokio::test]
async fn a_fault_of_the_table_that_names_no_column_of_ours_holds_everybody_back_and_buries_nobody() {
    for fault in [
        // A trigger writes `INSERT` into three characters: 22001.
        "create table audit (op varchar(3)); create function audit() returns trigger language plpgsql as \
           $$ begin insert into audit values (tg_op); return null; end $$; \
         create trigger audit after insert on users for each row execute function audit()",
        // 22012.
        "create function ratio() returns trigger language plpgsql as $$ begin perform 1 / 0; return new; end $$; \
         create trigger ratio before insert on users for each row execute function ratio()",
        // A sequence that has left its column behind: 22003.
        "create sequence numbers start 40000; \
         alter table users add column number smallint; alter table users alter column number set default nextval('numbers')",
        // A default that does not fit its column: 22P02.
        "alter table users add column tenant int; \
         alter table users alter column tenant set default ('x' || current_setting('server_version'))::int",
        // The last deployment of a trigger returns null for inserts.
        "create function skip() returns trigger language plpgsql as $$ begin return null; end $$; \
         create trigger skip before insert on users for each row execute function skip()",
        // Rules about one of our columns and about another one.
        "alter table users add column tenant text, add constraint with_tenant check (cognito_sub is null or tenant is not null)",
        "alter table users add column tenant text, add constraint whole_row check (cognito_sub is null or users.*::text like '%blue%')",
        "alter table users add column tenant text, \
           add column full_name text generated always as (cognito_sub_text(cognito_sub) || coalesce(tenant, '')) stored \
           constraint short check (length(full_name) < 9)",
    ] {
        let bench = Bench::new().await;
        change(
            &bench,
            "create function cognito_sub_text(uuid) returns text immutable language sql as 'select $1::text'",
        )
        .await;
        change(&bench, fault).await;
        everybody_is_held_back(&bench, fault).await;
    }
}

// ── evidence across invocations

#[tokio::test]
async fn a_row_that_comes_alone_is_poison_once_another_row_has_passed_since_it_was_first_rejected() {
    for (trigger, reason) in AGAINST_EVE {
        let bench = Bench::new().await;
        before_insert(&bench, trigger).await;
        let eve = named("Eve");
        assert!(bench.failed(batch([named("Ada")])).await.is_empty());
        for _ in 0..2 {
            assert_eq!(bench.failed(batch([eve.clone()])).await, ["m0"], "{reason}: nobody has passed since");
        }
        assert!(bench.buried().is_empty(), "{reason}");
        assert!(bench.failed(batch([named("Bob")])).await.is_empty());
        assert!(bench.failed(batch([eve.clone()])).await.is_empty(), "{reason}: others pass, and this row does not");
        assert_eq!(reasons(&bench), [reason]);
        assert_eq!(bench.buried()[0]["MessageBody"], eve.as_str());
        assert_eq!(bench.counted("TableUnfit").to_bits(), 2_f64.to_bits(), "{reason}");
    }
}

#[tokio::test]
async fn in_one_batch_a_row_that_is_rejected_while_others_pass_is_poison_at_once() {
    for (trigger, reason) in AGAINST_EVE {
        for place in [0, 9] {
            let bench = Bench::new().await;
            before_insert(&bench, trigger).await;
            let mut subs: Vec<_> = (0..10).map(|_| Uuid::new_v4()).collect();
            subs.sort();
            let name = |at| if at == place { "Eve" } else { "Ada" };
            let bodies = subs.iter().enumerate().map(|(at, sub)| user(*sub, &json!({ "first_name": name(at) })));
            assert!(bench.failed(batch(bodies)).await.is_empty(), "{reason}");
            assert_eq!((reasons(&bench), bench.rows().await), (vec![reason.to_owned()], 9), "Eve is number {place}");
            assert!(!bench.reported("TableUnfit"), "{reason}");
        }
    }
}

#[tokio::test]
async fn a_value_that_is_too_large_for_an_index_is_poison_once_another_row_has_passed() {
    // 2,048 characters, the longest text of the contract, of three bytes each and too different to be compressed: a B-tree takes 2,704 bytes.
    let bytes: Vec<u8> = (0..256).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
    let character =
        |pair: &[u8]| char::from_u32(0x4e00 + u32::from(u16::from_be_bytes([pair[0], pair[1]])) % 20_000).unwrap();
    let name: String = bytes.chunks(2).map(character).collect();
    assert_eq!(name.chars().count(), 2_048);
    let bench = Bench::new().await;
    change(&bench, "create index on users (last_name)").await;
    let large = somebody(&json!({ "last_name": name }));
    assert_eq!(bench.failed(batch([large.clone()])).await, ["m0"], "nobody has passed");
    assert!(bench.failed(batch([named("Ada"), large])).await.is_empty());
    assert_eq!((reasons(&bench), bench.rows().await), (vec!["data_exception:users_last_name_idx".to_owned()], 1));
    let copy = &bench.buried()[0]["MessageAttributes"];
    assert_eq!(copy["failure_detail"]["StringValue"], "the table rejects it (SQLSTATE 54000)");
}

#[tokio::test]
async fn a_table_that_breaks_again_after_a_fix_buries_nobody_who_was_rejected_before_the_fix() {
    const BREAK: &str = "create or replace function before_insert() returns trigger language plpgsql as \
                         $$ begin raise exception 'no'; end $$";
    const FIX: &str = "create or replace function before_insert() returns trigger language plpgsql as \
                       $$ begin return new; end $$";
    let bench = Bench::new().await;
    before_insert(&bench, "begin return new; end").await;
    let waiting = people(4);
    for _ in 0..3 {
        change(&bench, BREAK).await;
        for body in &waiting {
            assert_eq!(bench.failed(batch([body.clone()])).await, ["m0"]);
        }
        assert_eq!(bench.failed(batch(waiting.clone())).await.len(), 4);
        change(&bench, FIX).await;
        // One of those who were rejected passes, which shows that the table was at fault.
        assert!(bench.failed(batch([waiting[3].clone()])).await.is_empty());
        bench.sql("delete from users").await;
    }
    assert!(bench.buried().is_empty(), "{:?}", reasons(&bench));
    assert!(bench.failed(batch(waiting)).await.is_empty());
    assert_eq!(bench.rows().await, 4);
}

/// A table that raises an error for so many attempts. A sequence keeps its value after an error.
async fn broken_for(attempts: i64) -> Bench {
    let bench = Bench::new().await;
    bench.sql("create sequence attempts").await;
    before_insert(&bench, "begin return new; end").await;
    let raise = format!("if nextval('attempts') <= {attempts} then raise exception 'not yet'; end if; return new;");
    let function = "create or replace function before_insert() returns trigger language plpgsql as";
    change(&bench, &format!("{function} $$ begin {raise} end $$")).await;
    bench
}

#[tokio::test]
async fn a_table_that_is_fixed_in_the_middle_of_a_batch_gives_everybody_a_row_and_is_not_reported() {
    // Of 200, most are set aside when many attempts have failed.
    for users in [4_u32, 200] {
        let broken = broken_for(i64::MAX).await;
        everybody_is_held_back_of(&broken, users, "it is never fixed").await;
        let attempts: i64 =
            sqlx::query_scalar("select last_value from attempts").fetch_one(&broken.pool).await.unwrap();
        let bench = broken_for(attempts - 1).await;
        assert!(bench.failed(batch(people(usize::try_from(users).unwrap()))).await.is_empty());
        assert!(bench.buried().is_empty(), "{:?}", reasons(&bench));
        assert_eq!(bench.rows().await, i64::from(users));
        assert!(!bench.reported("TableUnfit"), "the fault is over");
    }
}

// ── users who have a row already

/// Stores a user, changes the table, and delivers an event about the same user again.
async fn has_a_row(table: &str, again: &Value) {
    let bench = Bench::new().await;
    let sub = Uuid::new_v4();
    assert!(bench.failed(batch([user(sub, &json!({ "email": "ada@example.com" }))])).await.is_empty());
    change(&bench, table).await;
    assert!(bench.failed(batch([user(sub, again)])).await.is_empty(), "{table}: a row is all that is asked for");
    assert!(bench.buried().is_empty(), "{table}: {:?}", reasons(&bench));
    assert!(!bench.reported("TableUnfit"), "{table}");
    assert!(bench.counted("Duplicates").to_bits() == 1_f64.to_bits(), "{table}");
}

#[tokio::test]
async fn a_user_who_has_a_row_is_acknowledged_whatever_the_table_says_about_another_one() {
    // Postgres validates these before it looks for the key.
    has_a_row("alter table users alter column email set not null", &json!({})).await;
    has_a_row("alter table users add constraint known check (email <> 'x')", &json!({ "email": "x" })).await;
    has_a_row("alter table users alter column email type varchar(15)", &json!({ "email": "long@long.example.com" }))
        .await;
    has_a_row("alter table users add column tenant text; update users set tenant = 'a'; alter table users alter column tenant set not null", &json!({})).await;
    has_a_row(
        "create function before_insert() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$; \
         create trigger before_insert before insert on users for each row execute function before_insert()",
        &json!({}),
    )
    .await;
}

#[tokio::test]
async fn a_row_that_another_transaction_commits_between_the_lookup_and_the_index_is_no_dead_letter() {
    let bench = Bench::new().await;
    // The function of the first index waits after Postgres has looked for the key and before it enters the row into
    // the others. So another transaction's row is committed in between, and the e-mail address is taken.
    change(
        &bench,
        "create function slow(text) returns text immutable language plpgsql as \
           $$ begin perform pg_advisory_xact_lock(7); return $1; end $$; \
         alter table users drop constraint users_pkey; create index slow on users (slow(email)); \
         alter table users add primary key (cognito_sub); create unique index address on users (email)",
    )
    .await;
    let (sub, ada) = (Uuid::new_v4(), json!({ "email": "ada@example.com" }));
    let mut other = bench.pool.begin().await.unwrap();
    sqlx::query("select pg_advisory_xact_lock(7)").execute(&mut *other).await.unwrap();
    let (failed, ()) = tokio::join!(bench.failed(batch([user(sub, &ada)])), async {
        until_somebody_waits_for_a_lock(&bench.pool).await;
        let insert = "insert into users (cognito_sub, email) values ($1, 'ada@example.com')";
        sqlx::query(insert).bind(sub).execute(&mut *other).await.unwrap();
        other.commit().await.unwrap();
    });
    assert!(failed.is_empty());
    assert!(bench.buried().is_empty(), "{:?}", reasons(&bench));
    assert_eq!(bench.rows().await, 1);
}
