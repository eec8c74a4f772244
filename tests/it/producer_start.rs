//! The producer's start at the wire: the connection to EventBridge is there before the first event, and its absence harms nobody.

use std::{
    ffi::OsString,
    net::{Ipv4Addr, TcpListener},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lambda_runtime::{Context, LambdaEvent};
use pipeline_tests::{
    cold_start::{Function, Life, PutEvents, Seen, live},
    runtime_api,
    tcp_proxy::TcpProxy,
};
use producer::{Producer, handle};
use rollcall_aws_runtime::environment::Environment;
use serde_json::value::RawValue;

use crate::publishing::fixture;

const SIGN_UP: &str = "01-email-pool.json";

/// Longest init with an endpoint that does not answer: some times what the producer waits, and less than any time-out of the SDK.
const INIT: Duration = Duration::from_secs(2);

fn variables(endpoint: &str, authority: Option<&str>) -> Vec<(&'static str, String)> {
    let fixed = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("EVENT_BUS_NAME", "bus"),
        ("AWS_ENDPOINT_URL", endpoint),
    ];
    fixed
        .into_iter()
        .chain(authority.map(|file| ("AWS_CA_BUNDLE", file)))
        .map(|(name, value)| (name, value.to_owned()))
        .collect()
}

/// Starts the function and hands it so many sign-ups, each of which must come back.
async fn start(variables: Vec<(&'static str, String)>, events: usize) -> Life {
    let function = Function {
        command: vec![runtime_api::binary("producer").unwrap().into()],
        variables: variables.into_iter().map(|(name, value)| (name.to_owned(), OsString::from(value))).collect(),
    };
    live(&function, fixture(SIGN_UP).trim_end(), events, None).await.unwrap()
}

async fn start_with(endpoint: &PutEvents, events: usize) -> Seen {
    start(variables(&endpoint.url(), endpoint.authority().to_str()), events).await;
    endpoint.seen()
}

#[tokio::test]
async fn the_handshake_is_done_before_the_first_event_is_asked_for() {
    let endpoint = PutEvents::start(Duration::ZERO).unwrap();
    let seen = start_with(&endpoint, 0).await;
    assert_eq!(seen, Seen { connections: 1, handshakes: 1, events: 0, others: 1 });
}

#[tokio::test]
async fn every_event_travels_on_the_connection_of_the_start() {
    let endpoint = PutEvents::start(Duration::ZERO).unwrap();
    let seen = start_with(&endpoint, 3).await;
    assert_eq!(seen, Seen { connections: 1, handshakes: 1, events: 3, others: 1 });
}

#[tokio::test]
async fn an_endpoint_that_refuses_or_hangs_delays_no_start_and_fails_no_sign_up() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    // First the kernel takes the connection and nobody ever speaks, then nobody takes it.
    for held in [Some(listener), None] {
        let how = if held.is_some() { "hangs" } else { "refuses" };
        let mut variables = variables(&url, None);
        variables.push(("PUBLISH_BUDGET_MS", "200".to_owned()));
        let life = start(variables, 1).await;
        assert!(life.init < INIT, "{how}: {:?}", life.init);
        assert_eq!(life.answers.len(), 1, "{how}");
    }
}

#[tokio::test]
async fn a_connection_that_dies_before_the_first_event_costs_an_attempt_and_no_event() {
    for (how, die) in [("cut", TcpProxy::cut as fn(&TcpProxy)), ("silent", TcpProxy::silence)] {
        let endpoint = PutEvents::start(Duration::ZERO).unwrap();
        let proxy = TcpProxy::start(endpoint.port()).await.unwrap();
        let variables = variables(&format!("https://localhost:{}", proxy.port()), endpoint.authority().to_str());
        let producer = Producer::new(&Environment::from_iter(variables));
        producer.warm_up().await;
        assert_eq!(endpoint.seen(), Seen { connections: 1, handshakes: 1, events: 0, others: 1 }, "{how}");
        die(&proxy);
        let start = Instant::now();
        let event = fixture(SIGN_UP);
        let answer = handle(sign_up(&event), &producer).await.unwrap();
        assert_eq!(answer.get(), event.trim_end(), "{how}");
        assert!(start.elapsed() < Duration::from_secs(3), "{how}: {:?}", start.elapsed());
        let seen = endpoint.seen();
        assert_eq!((seen.events, seen.handshakes), (1, 2), "{how}");
    }
}

/// An invocation with five seconds left, as Cognito gives it.
fn sign_up(event: &str) -> LambdaEvent<Box<RawValue>> {
    let mut context = Context::default();
    let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(5);
    context.deadline = u64::try_from(end.as_millis()).unwrap();
    LambdaEvent::new(RawValue::from_string(event.trim_end().to_owned()).unwrap(), context)
}
