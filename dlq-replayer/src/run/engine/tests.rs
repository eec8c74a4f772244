//! What becomes of messages that wait for a lookup, event by event, without calls.

use std::fs;

use rollcall_aws_runtime::{
    cli_sdk::{CliOptions, sdk_config},
    environment::Environment,
};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{
    journal::{leftovers::Leftovers, write::file_of},
    rules::{decide::Treatment, select::Selection},
    run::{
        breaker::{Breaker, DEFAULT_SHARE},
        event::Poll,
        plan::Plan,
        routes::Routes,
        source::After,
        transfer::Transfer,
    },
    sqs::{
        address::{AddressError, QueueAddress},
        call_error::{CallError, Effect},
    },
};

/// Where the messages came from.
const ORDERS: &str = "arn:aws:sqs:eu-west-1:123456789012:orders";

/// Clients that are never asked to make a call.
async fn clients() -> Clients {
    let options = CliOptions { region: Some("eu-west-1".to_owned()), ..CliOptions::default() };
    Clients::new(sdk_config(options, &Environment::from_iter([("UNUSED", "")])).await.unwrap())
}

fn queue(clients: &Clients) -> Queue {
    let address = QueueAddress {
        url: "https://sqs.eu-west-1.amazonaws.com/123456789012/orders-dlq".into(),
        arn: "arn:aws:sqs:eu-west-1:123456789012:orders-dlq".into(),
        name: "orders-dlq".into(),
        region: "eu-west-1".into(),
        account: "123456789012".into(),
    };
    Queue::new(clients.sqs(None), address)
}

/// What an earlier run has left that sent this message and had no answer.
fn left_by_an_earlier_run(id: &str) -> Leftovers {
    let folder = std::env::temp_dir().join(format!("engine-{}", Uuid::new_v4().simple()));
    fs::create_dir(&folder).unwrap();
    let journal = [
        json!({ "step": "begin", "run": "1", "at": "2026-11-22T21:00:00Z", "command": "replay", "queue": "q", "destination": "d" }),
        json!({ "step": "sending", "to": ORDERS, "ids": [id] }),
    ];
    fs::write(file_of(&folder, "1"), journal.map(|line| line.to_string()).join("\n")).unwrap();
    let leftovers = Leftovers::load(&folder, crate::journal::settled::Scope::Queue).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    leftovers
}

/// A replay back to each message's own source that has made no call.
async fn engine(leftovers: Leftovers) -> Engine<'static> {
    let clients = Rc::new(clients().await);
    let queue = queue(&clients);
    let plan = Plan {
        selection: Selection::default(),
        treatment: Treatment::Move,
        bodies: None,
        routes: Routes::back_to_source(Some(queue.address.clone()), None),
        after: After::Delete,
        fifo_source: false,
        limit: u64::MAX,
    };
    let work = Work::Move(Box::new(Transfer::new(plan, Breaker::new(DEFAULT_SHARE), None, leftovers)));
    Engine::new(Source::Queue(queue), work, Settings::default(), clients, Interrupt::by_hand().1)
}

impl Engine<'_> {
    fn receive_one(&mut self, id: &str) {
        let message = json!({ "id": id, "body": "b", "system": { "DeadLetterQueueSourceArn": ORDERS } });
        self.under_way.receives += 1;
        self.handle(Event::Received { poll: Poll::Take, result: Ok(vec![serde_json::from_value(message).unwrap()]) });
    }

    fn lookup_fails(&mut self, code: &str, effect: Effect) {
        let (operation, resource, text) = ("GetQueueUrl", "orders".to_owned(), String::new());
        let error = CallError { operation, resource, code: code.to_owned(), text, effect };
        self.handle(Event::LookedUp { arn: ORDERS.to_owned(), found: Box::new(Err(AddressError::Call(error))) });
    }

    fn unfinished(&self) -> u64 {
        self.transfer().unwrap().unfinished()
    }
}

#[tokio::test]
async fn a_lookup_that_fails_in_passing_is_made_again_for_the_next_message_and_not_without_end() {
    let mut engine = engine(Leftovers::default()).await;
    for (id, lookups) in [("a", 1), ("b", 1), ("c", 1), ("d", 0)] {
        engine.receive_one(id);
        assert_eq!(engine.under_way.lookups, lookups, "{id}");
        if lookups > 0 {
            engine.lookup_fails("no answer", Effect::Unknown);
        }
        assert!(engine.pending.is_empty() && engine.is_taking(), "{id} waits for nothing, and others may come");
    }
    let counts = engine.numbers();
    assert_eq!((counts.refused["source_unusable"], counts.unusable[ORDERS].messages), (4, 4));
    assert_eq!(engine.intake.aside(), 4);
}

#[tokio::test]
async fn a_lookup_that_is_denied_is_made_once() {
    let mut engine = engine(Leftovers::default()).await;
    engine.receive_one("a");
    engine.lookup_fails("AccessDenied", Effect::None);
    engine.receive_one("b");
    assert_eq!((engine.under_way.lookups, engine.numbers().unusable[ORDERS].messages), (0, 2));
}

#[tokio::test]
async fn what_an_earlier_run_has_left_is_still_unfinished_when_a_run_stops_before_its_source_is_looked_up() {
    let mut engine = engine(left_by_an_earlier_run("a")).await;
    engine.receive_one("a");
    engine.halt(Stop::Interrupted);
    assert_eq!((engine.unfinished(), engine.intake.aside()), (1, 1));
}

#[tokio::test]
async fn what_an_earlier_run_has_left_is_still_unfinished_when_it_is_received_after_the_stop() {
    let mut engine = engine(left_by_an_earlier_run("a")).await;
    engine.halt(Stop::Interrupted);
    engine.receive_one("a");
    assert_eq!((engine.unfinished(), engine.intake.aside()), (1, 1));
}

#[tokio::test]
async fn what_an_earlier_run_has_left_is_still_unfinished_when_a_lookup_ends_the_run() {
    let mut engine = engine(left_by_an_earlier_run("a")).await;
    engine.receive_one("a");
    engine.lookup_fails("ExpiredToken", Effect::None);
    assert_eq!((engine.stop, engine.unfinished(), engine.intake.aside()), (Some(Stop::Fault), 1, 1));
}
