//! How the consumer reaches its database: through a pooler, over TLS, with a secret that is rotated, with tokens that end.

use std::{
    any::Any,
    net::TcpListener,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use consumer::{
    classify::{Verdict, classify},
    database::Database,
    iam_token::{Subject, sign_token},
};
use futures_util::future::join_all;
use pipeline_tests::{
    PgBouncer, Stack,
    clients::{self, Clients},
    scripted_http::ScriptedHttp,
};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool, Row};
use sqlx_core::net::{Socket, WithSocket, connect_tcp};
use tokio::{net::TcpStream, time::Instant};
use uuid::Uuid;

use crate::bench_consumer::{Bench, batch, database, database_as, obliging, people, pool_to, server};

/// Asks a connection that sqlx has made whether it waits for acknowledgements before it sends a small message.
struct SendsAtOnce;

impl WithSocket for SendsAtOnce {
    type Output = bool;

    async fn with_socket<S: Socket>(self, socket: S) -> bool {
        let stream: &dyn Any = &socket;
        stream.downcast_ref::<TcpStream>().unwrap().nodelay().unwrap()
    }
}

#[tokio::test]
async fn a_small_message_to_the_database_does_not_wait_for_an_acknowledgement() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(connect_tcp("127.0.0.1", port, SendsAtOnce).await.unwrap(), "sqlx-core without TCP_NODELAY");
}

/// A name for a role, a secret or anything else that no other test has.
fn fresh(kind: &str) -> String {
    format!("{kind}_{}", Uuid::new_v4().simple())
}

pub(crate) fn name_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap().split('?').next().unwrap()
}

async fn sql(pool: &PgPool, statement: String) {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(pool).await.unwrap();
}

/// A role that may do what the consumer does, once it has shown its password.
async fn role(pool: &PgPool, kind: &str, password: &str) -> String {
    let role = fresh("app");
    let statement = format!(
        "create role {role} login password '{password}' in role {kind}; grant select, insert on users to {role}"
    );
    sql(pool, statement).await;
    role
}

async fn end_connections_of(pool: &PgPool, role: &str) {
    sql(pool, format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = '{role}'")).await;
}

// ── a pooler

#[tokio::test]
async fn behind_pgbouncer_in_transaction_mode_the_documented_setting_gives_every_user_a_row() {
    const CONSUMERS: usize = 8;
    const BATCHES: usize = 20;
    const PEOPLE: usize = 10;
    let url = database().await;
    let pooler = PgBouncer::start(server()).unwrap();
    let through = pooler.url(name_of(&url));
    // More consumers than server connections: each statement may meet another one.
    let consumers = (0..CONSUMERS).map(|_| async {
        let variables = [("DATABASE_URL", through.as_str()), ("DATABASE_POOLER", "transaction")];
        let bench = Bench::logged_in(&url, &variables, obliging);
        for _ in 0..BATCHES {
            assert!(bench.failed(batch(people(PEOPLE))).await.is_empty());
        }
        assert!(bench.buried().is_empty());
    });
    join_all(consumers).await;
    let rows = Bench::with(&url, obliging).rows().await;
    assert_eq!(rows, i64::try_from(CONSUMERS * BATCHES * PEOPLE).unwrap());
}

#[tokio::test]
async fn behind_pgbouncer_without_the_setting_every_message_is_given_back_and_none_is_lost() {
    let url = database().await;
    let pooler = PgBouncer::start(server()).unwrap();
    let through = pooler.url(name_of(&url));
    let bench = Bench::logged_in(&url, &[("DATABASE_URL", &through)], obliging);
    assert_eq!(bench.failed_within(batch(people(3)), Duration::from_secs(6)).await, ["m0", "m1", "m2"]);
    assert!(bench.buried().is_empty());
    assert_eq!(bench.rows().await, 0);
}

// ── TLS

/// The shared server by the name in its certificate, or by its address, which is not in it.
fn address(url: &str, host: &str) -> String {
    format!("postgres://rollcall@{host}:{}/{}", server().port(), name_of(url))
}

fn ca() -> &'static str {
    server().ca().to_str().unwrap()
}

#[tokio::test]
async fn tls_is_verified_with_an_authority_of_ones_own_and_the_connection_is_encrypted() {
    let url = database().await;
    let by_name = address(&url, "localhost");
    let variables = [("DATABASE_URL", by_name.as_str()), ("DATABASE_CA", ca())];
    let bench = Bench::logged_in(&url, &variables, obliging);
    assert!(bench.failed(batch(people(2))).await.is_empty());
    let mut connection = bench.consumer.database.acquire().await.unwrap();
    let encrypted = sqlx::query("select ssl from pg_stat_ssl where pid = pg_backend_pid()");
    assert!(encrypted.fetch_one(&mut *connection).await.unwrap().get::<bool, _>(0));
}

#[tokio::test]
async fn tls_refuses_a_host_name_that_the_certificate_does_not_have_and_an_authority_that_is_not_trusted() {
    let url = database().await;
    let (by_address, by_name) = (address(&url, "127.0.0.1"), address(&url, "localhost"));
    let wrong_name = [("DATABASE_URL", by_address.as_str()), ("DATABASE_CA", ca())];
    let wrong_authority = [("DATABASE_URL", by_name.as_str())];
    for variables in [&wrong_name[..], &wrong_authority] {
        let bench = Bench::logged_in(&url, variables, obliging);
        let error = bench.consumer.database.acquire().await.err().unwrap();
        assert!(error.to_string().contains("invalid peer certificate"), "{error}");
        assert_eq!(classify(&error), Verdict::Transient);
        assert_eq!(bench.failed_within(batch(people(1)), Duration::from_secs(5)).await, ["m0"]);
        assert!(bench.buried().is_empty(), "nobody is poison because of a certificate");
    }
}

// ── time-outs and limits

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_costs_two_seconds_and_not_thirty() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://nobody@{}/none?sslmode=disable", silent.local_addr().unwrap());
    let start = Instant::now();
    let error = Bench::with(&url, obliging).consumer.database.acquire().await.err().unwrap();
    assert!(error.to_string().contains("the database does not answer"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

// ── a secret

/// A consumer that logs in with a secret of the stack's Secrets Manager.
struct WithSecret {
    bench: Bench,
    role: String,
    secret: String,
    clients: Clients,
}

impl WithSecret {
    async fn new(password: &str) -> Self {
        let stack = Stack::shared().unwrap();
        let (clients, url) = (Clients::of(stack).unwrap(), database().await);
        let role = role(&pool_to(&url), "with_password", password).await;
        let value = json!({
            "engine": "postgres", "host": "127.0.0.1", "port": server().port(), "dbname": name_of(&url),
            "username": role, "password": password,
        });
        let secret = fresh("rollcall/database");
        let made = clients.secrets.create_secret().name(&secret).secret_string(value.to_string()).send().await.unwrap();
        let variables = [("DATABASE_SECRET_ARN", made.arn().unwrap()), ("DATABASE_SSLMODE", "disable")];
        let database = database_as(&variables, &clients::sdk_config(stack).unwrap());
        Self { bench: Bench::new_with(&url, database, ScriptedHttp::new(obliging)), role, secret, clients }
    }

    async fn change_password(&self, password: &str) {
        sql(&self.bench.pool, format!("alter role {} password '{password}'", self.role)).await;
    }

    async fn change_secret(&self, password: &str) {
        let old = self.clients.secrets.get_secret_value().secret_id(&self.secret).send().await.unwrap();
        let mut value: serde_json::Value = serde_json::from_str(old.secret_string().unwrap()).unwrap();
        value["password"] = json!(password);
        let put = self.clients.secrets.put_secret_value().secret_id(&self.secret).secret_string(value.to_string());
        put.send().await.unwrap();
    }
}

#[tokio::test]
async fn a_password_that_is_rotated_while_the_consumer_runs_costs_nobody_a_second_delivery() {
    let with = WithSecret::new("first").await;
    assert!(with.bench.failed(batch(people(2))).await.is_empty());
    with.change_password("second").await;
    with.change_secret("second").await;
    assert!(with.bench.failed(batch(people(2))).await.is_empty(), "an open connection outlives its password");
    end_connections_of(&with.bench.pool, &with.role).await;
    assert!(with.bench.failed(batch(people(2))).await.is_empty(), "a new one is made with the new password");
    assert_eq!(with.bench.rows().await, 6);
}

#[tokio::test]
async fn while_the_secret_lags_behind_the_password_the_batch_waits_and_then_succeeds() {
    let with = WithSecret::new("first").await;
    with.change_password("second").await;
    let error = with.bench.consumer.database.acquire().await.err().unwrap();
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "28P01");
    assert_eq!(classify(&error), Verdict::Transient);
    let (failed, ()) = tokio::join!(with.bench.failed(batch(people(2))), with.change_secret("second"));
    assert!(failed.is_empty());
    assert_eq!(with.bench.rows().await, 2);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_gives_every_message_back() {
    let stack = Stack::shared().unwrap();
    let url = database().await;
    let variables = [("DATABASE_SECRET_ARN", "rollcall/nowhere")];
    let database = database_as(&variables, &clients::sdk_config(stack).unwrap());
    let bench = Bench::new_with(&url, database, ScriptedHttp::new(obliging));
    let error = bench.consumer.database.acquire().await.err().unwrap();
    assert!(error.to_string().contains("the secret cannot be read: ResourceNotFoundException"), "{error}");
    assert_eq!(bench.failed_within(batch(people(1)), Duration::from_secs(5)).await, ["m0"]);
    assert!(bench.buried().is_empty());
}

// ── tokens

#[tokio::test]
async fn an_iam_token_logs_in_over_tls_and_a_new_one_is_signed_before_the_old_one_ends() {
    let (url, port) = (database().await, server().port());
    let pool = pool_to(&url);
    let role = role(&pool, "with_token", "none yet").await;
    let port_text = port.to_string();
    let variables = [
        ("DATABASE_AUTH", "iam"),
        ("DATABASE_HOST", "localhost"),
        ("DATABASE_PORT", port_text.as_str()),
        ("DATABASE_NAME", name_of(&url)),
        ("DATABASE_USER", role.as_str()),
        ("DATABASE_CA", ca()),
    ];
    let aws = ScriptedHttp::new(obliging).sdk_config();
    let consumers: Database = database_as(&variables, &aws);
    // The server cannot check signatures: its password is the token of the moment, as RDS's would be.
    let credentials = Credentials::new("test", "test", None, None, "test");
    let minute = |minute: u64| SystemTime::UNIX_EPOCH + Duration::from_mins(30_000_000 + minute);
    let token_of = |at| {
        let subject = Subject { host: "localhost", port, user: &role, region: "eu-west-1" };
        sign_token(subject, &credentials, at).unwrap()
    };
    let only_takes = async |at| sql(&pool, format!("alter role {role} password '{}'", token_of(at))).await;

    only_takes(minute(0)).await;
    consumers.acquire_at(minute(0)).await.unwrap().give_back();
    end_connections_of(&pool, &role).await;
    let again = consumers.acquire_at(minute(9)).await;
    let Ok(again) = again else { panic!("the first token is used for ten minutes") };
    again.give_back();
    only_takes(minute(21)).await;
    let open = consumers.acquire_at(minute(9)).await;
    let Ok(open) = open else { panic!("an open connection outlives its token") };
    open.give_back();
    end_connections_of(&pool, &role).await;
    let early = consumers.acquire_at(minute(9)).await.err().unwrap();
    assert_eq!(early.as_database_error().unwrap().code().unwrap(), "28P01");
    assert!(consumers.acquire_at(minute(21)).await.is_ok(), "then another one is signed, five minutes before its end");
    only_takes(minute(22)).await;
    assert!(consumers.acquire_at(minute(22)).await.is_ok(), "one that is refused is signed again at once");
}
