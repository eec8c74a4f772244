//! What `ensure_user` returns, what it writes, and what it asks for.

use consumer::{
    migrations::{migrate, migrator},
    table::Table,
};
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::{ada, connect, count, ensure, ensure_ada, execute, migrated, sqlstate};
use crate::{bench_consumer::database, existing_table::database_with};

#[tokio::test]
async fn the_first_request_inserts_the_row_and_later_ones_read_it() {
    let mut connection = migrated().await;
    let sub = Uuid::new_v4();
    assert_eq!(ensure_ada(&mut connection, sub).await.unwrap(), ada(sub));
    let renamed = [Some("other@example.com"), Some("Augusta"), None];
    assert_eq!(ensure(&mut connection, sub, renamed).await.unwrap(), ada(sub), "a row that exists is never changed");
    assert_eq!(count(&mut connection).await, 1);
}

#[tokio::test]
async fn an_attribute_without_a_text_is_null_as_it_is_for_the_consumer() {
    let mut connection = migrated().await;
    let (empty, null) = (Uuid::new_v4(), Uuid::new_v4());
    let stored = ensure(&mut connection, empty, [Some(""), Some(""), Some("")]).await.unwrap();
    assert_eq!(stored, (empty, None, None, None, true));
    assert_eq!(ensure(&mut connection, null, [None; 3]).await.unwrap(), (null, None, None, None, true));
}

#[tokio::test]
async fn a_call_without_a_sub_is_refused() {
    let mut connection = migrated().await;
    let call = sqlx::query("select * from ensure_user(null, 'ada@example.com', null, null)");
    assert_eq!(sqlstate(call.fetch_all(&mut connection).await), "22004");
    assert_eq!(count(&mut connection).await, 0);
}

#[tokio::test]
async fn a_row_that_exists_costs_no_write_and_no_transaction_id() {
    let mut connection = migrated().await;
    let sub = Uuid::new_v4();
    let assigned = |row: &sqlx::postgres::PgRow| row.get::<bool, _>(0);
    for (inserts, expected) in [("inserts the row", true), ("reads the row", false)] {
        let mut transaction = sqlx::Connection::begin(&mut connection).await.unwrap();
        ensure_ada(&mut transaction, sub).await.unwrap();
        let took = sqlx::query("select pg_current_xact_id_if_assigned() is not null").fetch_one(&mut *transaction);
        assert_eq!(assigned(&took.await.unwrap()), expected, "the call {inserts}");
        transaction.commit().await.unwrap();
    }
    execute(&mut connection, "begin transaction read only").await;
    assert_eq!(ensure_ada(&mut connection, sub).await.unwrap(), ada(sub), "a replica can answer it");
}

#[tokio::test]
async fn a_row_that_a_trigger_skips_or_a_policy_hides_is_an_error_and_never_an_empty_row() {
    let url = database().await;
    let mut connection = connect(&url).await;
    let role = format!("app_{}", Uuid::new_v4().simple());
    let statements = format!(
        "create role {role} login; grant select, insert on users to {role}; alter table users enable row level security; \
         create policy all_in on users for insert with check (true); create policy none_out on users for select using (first_name = 'Eve')"
    );
    execute(&mut connection, &statements).await;
    let mut as_role = connect(&url.replace("rollcall@", &format!("{role}@"))).await;
    // Postgres refuses to insert what the policy for reading hides.
    assert_eq!(sqlstate(ensure_ada(&mut as_role, Uuid::new_v4()).await), "42501");

    let skip = "create function skip() returns trigger language plpgsql as $$ begin return null; end $$; \
                create trigger skip before insert on users for each row execute function skip()";
    execute(&mut connection, skip).await;
    assert_eq!(sqlstate(ensure_ada(&mut connection, Uuid::new_v4()).await), "P0002");
}

#[tokio::test]
async fn the_callers_search_path_and_temporary_tables_have_no_say() {
    let mut connection = migrated().await;
    let sub = Uuid::new_v4();
    let statements = "create temporary table users (like public.users including all); \
                      create schema elsewhere; create table elsewhere.users (like public.users including all); \
                      set search_path = pg_temp, elsewhere, public";
    execute(&mut connection, statements).await;
    assert_eq!(ensure_ada(&mut connection, sub).await.unwrap(), ada(sub));
    for (table, rows) in [("public.users", 1), ("pg_temp.users", 0), ("elsewhere.users", 0)] {
        let count = sqlx::query(AssertSqlSafe(format!("select count(*) from {table}")));
        assert_eq!(count.fetch_one(&mut connection).await.unwrap().get::<i64, _>(0), rows, "{table}");
    }
}

#[tokio::test]
async fn a_schema_whose_name_needs_quotes_is_pinned_too() {
    let url = database_with("create schema \"My App\"").await;
    let mut connection = connect(&url).await;
    execute(&mut connection, "set search_path = \"My App\"").await;
    migrate(&mut connection, &Table::default()).await.unwrap().unwrap();
    execute(&mut connection, "set search_path = public").await;
    let call = sqlx::query("select cognito_sub from \"My App\".ensure_user($1, null, null, null)").bind(Uuid::new_v4());
    call.fetch_one(&mut connection).await.unwrap();
}

#[tokio::test]
async fn the_applications_role_needs_to_read_the_table_and_insert_five_columns() {
    let url = database().await;
    let mut connection = connect(&url).await;
    let role = format!("app_{}", Uuid::new_v4().simple());
    execute(&mut connection, &format!("create role {role} login")).await;
    let mut as_role = connect(&url.replace("rollcall@", &format!("{role}@"))).await;
    let grants = [
        format!("grant select on users to {role}"),
        format!("grant insert (cognito_sub, email, first_name, last_name, is_active) on users to {role}"),
    ];
    for grant in &grants {
        assert_eq!(sqlstate(ensure_ada(&mut as_role, Uuid::new_v4()).await), "42501", "before {grant}");
        execute(&mut connection, grant).await;
    }
    let sub = Uuid::new_v4();
    assert_eq!(ensure_ada(&mut as_role, sub).await.unwrap(), ada(sub));
    execute(&mut connection, &format!("revoke insert on users from {role}")).await;
    assert_eq!(ensure_ada(&mut as_role, sub).await.unwrap(), ada(sub), "reading needs no right to insert");
}

#[tokio::test]
async fn a_column_that_is_added_later_is_returned_by_sessions_that_are_open() {
    let mut connection = migrated().await;
    let sub = Uuid::new_v4();
    ensure_ada(&mut connection, sub).await.unwrap();
    execute(&mut connection, "alter table users add column plan text not null default 'free'").await;
    for sub in [sub, Uuid::new_v4()] {
        let call = sqlx::query("select plan from ensure_user($1, null, null, null)").bind(sub);
        assert_eq!(call.fetch_one(&mut connection).await.unwrap().get::<&str, _>(0), "free");
    }
}

/// A database with the first steps only, as an earlier version left it.
async fn database_of_an_earlier_version(steps: usize) -> String {
    let url = database_with("").await;
    let mut earlier = migrator();
    earlier.migrations.to_mut().truncate(steps);
    earlier.run(&mut connect(&url).await).await.unwrap();
    url
}

#[tokio::test]
async fn an_installation_whose_search_path_has_changed_gets_its_function_replaced_where_it_is() {
    let url = database_of_an_earlier_version(2).await;
    let mut connection = connect(&url).await;
    execute(&mut connection, "create schema elsewhere; set search_path = elsewhere, public").await;
    migrate(&mut connection, &Table::default()).await.unwrap().unwrap();
    let made = "select array_agg(format('%s %s %s', oid::regprocedure, proconfig, prosrc ~ 'attempt = 3')) \
                from pg_proc where proname = 'ensure_user'";
    let made: Vec<String> = sqlx::query(made).fetch_one(&mut connection).await.unwrap().get(0);
    assert_eq!(made, ["ensure_user(uuid,text,text,text) {\"search_path=public, pg_temp\"} t"]);
    let path = sqlx::query("select current_setting('search_path')").fetch_one(&mut connection).await.unwrap();
    assert_eq!(path.get::<&str, _>(0), "elsewhere, public", "the session keeps its own");
}

#[tokio::test]
async fn an_installation_of_the_first_version_gets_the_function_and_keeps_its_rows() {
    let url = database_of_an_earlier_version(1).await;
    let mut connection = connect(&url).await;
    let sub = Uuid::new_v4();
    execute(&mut connection, &format!("insert into users (cognito_sub, first_name) values ('{sub}', 'Grace')")).await;
    for _ in 0..2 {
        migrate(&mut connection, &Table::default()).await.unwrap().unwrap();
    }
    let (_, _, first_name, ..) = ensure_ada(&mut connection, sub).await.unwrap();
    assert_eq!((first_name.as_deref(), count(&mut connection).await), (Some("Grace"), 1));
}
