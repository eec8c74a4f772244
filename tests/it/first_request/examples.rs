//! The three examples, each as a process on loopback: which tokens get a row, and which get nothing.

use std::time::{Duration, Instant};

use pipeline_tests::{
    first_request::{Example, Language},
    user_pool::{CLIENT_ID, KeyPair, UserPool, sign_with_secret, token},
    wait,
};
use serde_json::{Value, json};
use sqlx::PgConnection;
use tokio::task::block_in_place;
use uuid::Uuid;

use super::{connect, count, execute};
use crate::bench_consumer::database;

/// The time in which an unknown key id causes at most one request for the keys, in every example.
const COOLDOWN: Duration = Duration::from_secs(5);

/// How many seconds the API's clock is behind Cognito's: enough for a token that is used at once to come from the future.
const CLOCK_BEHIND: i64 = 30;

/// Longest wait for an example to ask for the keys again.
const REFRESHED_WITHIN: Duration = Duration::from_secs(30);

/// An example with its pool and its database.
struct Bench {
    pool: UserPool,
    key: KeyPair,
    example: Example,
    connection: PgConnection,
}

impl Bench {
    /// The pool publishes no keys yet.
    async fn start(language: Language) -> Self {
        let (url, pool) = (database().await, UserPool::start().await.unwrap());
        let issuer = pool.issuer().to_owned();
        let example = block_in_place(|| Example::start(language, &url, &issuer, CLIENT_ID)).unwrap();
        Self { pool, key: KeyPair::generate().unwrap(), example, connection: connect(&url).await }
    }

    fn me(&self, token: &str) -> (u16, Value) {
        block_in_place(|| self.example.me(Some(&format!("Bearer {token}")))).unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        self.key.sign(&self.key.header(), claims).unwrap()
    }

    /// Asks with a valid token, whose claims `change` has changed.
    fn row(&self, sub: Uuid, change: &Value) -> Value {
        let (status, row) = self.me(&self.sign(&with(self.pool.id_claims(sub), change)));
        assert_eq!(status, 200, "{row}");
        row
    }

    /// Returns when a valid token that is signed with `key` is accepted.
    async fn until_accepted(&self, key: &KeyPair) {
        let token = key.sign(&key.header(), &self.pool.id_claims(Uuid::new_v4())).unwrap();
        let accepted = async || Ok((self.me(&token).0 == 200).then_some(()));
        wait::until("the token is accepted", REFRESHED_WITHIN, accepted).await.unwrap();
    }
}

/// A JSON object with more members, or others.
fn with(mut object: Value, more: &Value) -> Value {
    object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object
}

fn without(mut object: Value, member: &str) -> Value {
    object.as_object_mut().unwrap().remove(member);
    object
}

/// Tokens that prove nothing, each with what is wrong with it.
fn forgeries(bench: &Bench, foreign: &KeyPair) -> Vec<(&'static str, String)> {
    let claims = bench.pool.id_claims(Uuid::new_v4());
    let changed = |change: Value| bench.sign(&with(claims.clone(), &change));
    let access = bench.pool.access_claims(Uuid::new_v4());
    let (header, past) = (bench.key.header(), claims["iat"].as_i64().unwrap() - 1);
    let as_secret = with(header.clone(), &json!({ "alg": "HS256" }));
    let valid = bench.sign(&claims);
    let (message, signature) = valid.rsplit_once('.').unwrap();
    let other = bench.sign(&bench.pool.id_claims(Uuid::new_v4()));
    vec![
        ("nothing", String::new()),
        ("no token", "ada".to_owned()),
        ("expired", changed(json!({ "exp": past }))),
        ("without an end", bench.sign(&without(claims.clone(), "exp"))),
        ("for another client", changed(json!({ "aud": "another" }))),
        ("for no client", bench.sign(&without(claims.clone(), "aud"))),
        ("from another pool", changed(json!({ "iss": bench.pool.issuer().replace("Ab12", "Xy98") }))),
        ("an access token", bench.sign(&access)),
        ("an access token with an audience", bench.sign(&with(access, &json!({ "aud": CLIENT_ID })))),
        ("no use", bench.sign(&without(claims.clone(), "token_use"))),
        ("a client's own sub", changed(json!({ "sub": CLIENT_ID }))),
        ("an unknown key", foreign.sign(&foreign.header(), &claims).unwrap()),
        ("another key under a known id", foreign.sign(&header, &claims).unwrap()),
        (
            "a key in the header",
            foreign.sign(&with(header.clone(), &json!({ "jwk": foreign.jwk() })), &claims).unwrap(),
        ),
        ("another signature", format!("{message}.{}", other.rsplit_once('.').unwrap().1)),
        ("other claims", format!("{}.{signature}", other.rsplit_once('.').unwrap().0)),
        ("alg none", token(&with(header.clone(), &json!({ "alg": "none" })), &claims, |_| Ok(String::new())).unwrap()),
        (
            "alg none, signed",
            token(&with(header, &json!({ "alg": "none" })), &claims, |_| Ok(signature.to_owned())).unwrap(),
        ),
        ("the public key as a secret", sign_with_secret(&as_secret, &claims, &bench.key.public_pem).unwrap()),
    ]
}

/// A stranger gets nothing, and asks Cognito for nothing.
async fn refuse_forgeries(bench: &mut Bench) {
    let before = count(&mut bench.connection).await;
    let foreign = KeyPair::generate().unwrap();
    for (what, token) in forgeries(bench, &foreign) {
        let (status, body) = bench.me(&token);
        assert_eq!(status, 401, "{what}: {body}");
    }
    let valid = bench.sign(&bench.pool.id_claims(Uuid::new_v4()));
    for header in [None, Some(format!("Basic {valid}")), Some(valid)] {
        let (status, _) = block_in_place(|| bench.example.me(header.as_deref())).unwrap();
        assert_eq!(status, 401, "a token without its scheme");
    }
    assert_eq!(count(&mut bench.connection).await, before, "no forgery makes a row");
}

fn ask_for_keys_rarely(bench: &Bench) {
    let (begin, before) = (Instant::now(), bench.pool.fetches());
    for _ in 0..20 {
        let unknown = with(bench.key.header(), &json!({ "kid": Uuid::new_v4() }));
        let (status, _) = bench.me(&bench.key.sign(&unknown, &bench.pool.id_claims(Uuid::new_v4())).unwrap());
        assert_eq!(status, 401);
    }
    let most = 1 + begin.elapsed().as_secs() / COOLDOWN.as_secs();
    let fetches = bench.pool.fetches() - before;
    assert!(fetches <= usize::try_from(most).unwrap(), "{fetches} requests for the keys");
}

async fn give_each_user_a_row(bench: &mut Bench) {
    let sub = Uuid::new_v4();
    let ada = json!({
        "cognito_sub": sub, "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace", "is_active": true,
    });
    for _ in 0..2 {
        assert_eq!(bench.row(sub, &json!({})), ada);
    }
    assert_eq!(bench.row(sub, &json!({ "given_name": "Augusta" })), ada, "a row that exists is never changed");

    let early = Uuid::new_v4();
    let by_the_consumer = format!("insert into users (cognito_sub, first_name) values ('{early}', 'Grace')");
    execute(&mut bench.connection, &by_the_consumer).await;
    assert_eq!(bench.row(early, &json!({}))["first_name"], "Grace");

    let issued = bench.pool.id_claims(early)["iat"].as_i64().unwrap() + CLOCK_BEHIND;
    let just_now = json!({ "iat": issued, "auth_time": issued, "exp": issued + 3_600 });
    bench.row(Uuid::new_v4(), &just_now);

    let odd = json!({ "email": null, "given_name": "", "family_name": "A\0da" });
    let odd = bench.row(Uuid::new_v4(), &odd);
    for attribute in ["email", "first_name", "last_name"] {
        assert_eq!(odd[attribute], Value::Null, "{attribute}: what cannot be stored costs nobody the row");
    }
}

async fn follow(language: Language) {
    let mut bench = Bench::start(language).await;
    let token = bench.sign(&bench.pool.id_claims(Uuid::new_v4()));
    assert_eq!(bench.me(&token).0, 503, "without keys nothing is known about the token");

    bench.pool.publish(&[&bench.key]);
    bench.until_accepted(&bench.key).await;
    give_each_user_a_row(&mut bench).await;
    refuse_forgeries(&mut bench).await;
    ask_for_keys_rarely(&bench);

    let fetches = bench.pool.fetches();
    bench.row(Uuid::new_v4(), &json!({}));
    assert_eq!(bench.pool.fetches(), fetches, "known keys are not fetched again");

    let next = KeyPair::generate().unwrap();
    bench.pool.publish(&[&next]);
    bench.until_accepted(&next).await;
    assert_eq!(bench.me(&bench.sign(&bench.pool.id_claims(Uuid::new_v4()))).0, 401, "a key that is gone is forgotten");

    let log = bench.example.log().unwrap();
    assert!(!log.contains("ada@example.com") && !log.contains("Lovelace"), "no personal data in the log: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_example_gives_a_row_for_a_valid_token_and_nothing_for_a_forged_one() {
    follow(Language::Python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_example_gives_a_row_for_a_valid_token_and_nothing_for_a_forged_one() {
    follow(Language::TypeScript).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_example_gives_a_row_for_a_valid_token_and_nothing_for_a_forged_one() {
    follow(Language::Rust).await;
}
