//! A model of SQS at the wire, and of what the replayer asks of EventBridge and Lambda: what the services document and
//! an emulator does not show, such as partial failures, lost requests and answers, stale receipts, deduplication, the
//! limit of messages in flight, and events that a bus takes and drops.
//!
//! It answers the SDK in this process ([`SqsModel::http`]) and other processes over loopback ([`SqsModel::serve`]).
//! Queues, buses and functions are in a Region of an account ([`SqsModel::at`]); a call's signature says which.

mod at;
mod batches;
mod consumer;
mod counts;
mod event_bus;
mod fault;
mod lambda;
mod line;
mod message;
mod place;
mod queue;
mod server;
mod sqs;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

pub use at::At;
pub use consumer::Consumer;
pub use counts::Counts;
pub use event_bus::Rule;
pub use fault::Fault;
pub use message::{NewMessage, Stored};
pub use place::{
    ACCOUNT, OTHER_ACCOUNT, OTHER_REGION, Place, REGION, account, arn, operation, queue_name, region, url,
};
pub use queue::ModelQueue;
pub use server::Server;

use crate::scripted_http::{Answer, Call, ScriptedHttp};

/// How long one second of a long poll takes when a test says nothing else, in seconds.
const LONG_POLL_SCALE: f64 = 0.02;

/// How often a long poll looks whether a message has become visible, which nothing announces.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Gets a call and the number of all calls before it.
type Faults = dyn Fn(&Call, usize) -> Fault + Send + Sync;

/// A queue's place and name.
type QueueKey = (Place, String);

/// SQS, and the parts of EventBridge and Lambda that send messages on.
#[derive(Clone, Default)]
pub struct SqsModel {
    state: Arc<Mutex<State>>,
    /// Something changed: long polls look again.
    changed: Arc<Condvar>,
}

struct State {
    queues: BTreeMap<QueueKey, ModelQueue>,
    buses: event_bus::Buses,
    functions: lambda::Functions,
    faults: Arc<Faults>,
    calls: Vec<String>,
    next: u64,
    /// What the URLs of queues begin with; none is what they begin with at AWS.
    endpoint: Option<&'static str>,
    /// Added to each call of another process.
    latency: Duration,
    long_poll_scale: f64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            queues: BTreeMap::new(),
            buses: event_bus::Buses::default(),
            functions: BTreeMap::new(),
            faults: Arc::new(|_: &Call, _| Fault::None),
            calls: Vec::new(),
            next: 0,
            endpoint: None,
            latency: Duration::ZERO,
            long_poll_scale: LONG_POLL_SCALE,
        }
    }
}

/// Whether an empty receive waits for messages.
#[derive(Clone, Copy)]
enum LongPolls<'a> {
    /// As long as it asks, and as long as the client is there: one that is gone takes no messages.
    WaitWhile(&'a dyn Fn() -> bool),
    AnswerAtOnce,
}

impl SqsModel {
    /// SQS without queues.
    pub fn new() -> Self {
        Self::default()
    }

    /// A Region of an account.
    pub fn at(&self, region: &str, account: &str) -> At {
        At { model: self.clone(), place: Place::new(region, account) }
    }

    /// [`REGION`] of [`ACCOUNT`], where a test is when it says nothing else.
    pub fn here(&self) -> At {
        self.at(REGION, ACCOUNT)
    }

    /// Makes a queue here; a name that ends with `.fifo` makes a FIFO queue.
    pub fn create(&self, name: &str) {
        self.here().create(name);
    }

    /// Changes a queue here.
    pub fn with<T>(&self, name: &str, change: impl FnOnce(&mut ModelQueue) -> T) -> T {
        self.here().with(name, change)
    }

    /// Puts a message into a queue here and returns its id.
    pub fn put(&self, name: &str, message: NewMessage) -> String {
        self.here().put(name, message)
    }

    /// Copies of all messages of a queue here, in the order they were sent, hidden ones included.
    pub fn messages(&self, name: &str) -> Vec<Stored> {
        self.here().messages(name)
    }

    /// How many messages are in a queue here, hidden ones included.
    pub fn count(&self, name: &str) -> usize {
        self.here().count(name)
    }

    /// What was put on any bus that exists, whether or not a rule matched it.
    pub fn events(&self) -> Vec<Value> {
        self.lock().buses.events.clone()
    }

    /// What was put on any bus and sent to a target by an enabled rule.
    pub fn delivered(&self) -> Vec<Value> {
        self.lock().buses.delivered.clone()
    }

    /// The operations called so far, in order.
    pub fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    /// Decides from now on what happens to each call; calls are counted from here. The function may use the model.
    pub fn set_faults(&self, faults: impl Fn(&Call, usize) -> Fault + Send + Sync + 'static) {
        let mut state = self.lock();
        state.calls.clear();
        state.faults = Arc::new(faults);
    }

    /// Gives queues URLs that begin with this endpoint and name no Region, as an emulator does.
    pub fn set_endpoint(&self, endpoint: &'static str) {
        self.lock().endpoint = Some(endpoint);
    }

    /// Adds a delay to each call of another process, as a network does.
    pub fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// How long one second of a long poll of another process takes, in seconds: 1.0 is real time.
    pub fn set_long_poll_scale(&self, scale: f64) {
        self.lock().long_poll_scale = scale;
    }

    /// An HTTP client for the SDK that talks to this model. An empty receive is answered at once.
    pub fn http(&self) -> ScriptedHttp {
        let model = self.clone();
        ScriptedHttp::forgetful(move |call| model.answer(call, LongPolls::AnswerAtOnce))
    }

    /// A server for other processes, on a free port of 127.0.0.1, until this process ends.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn serve(&self) -> anyhow::Result<Server> {
        let model = self.clone();
        Server::answering_while(move |call, is_open| {
            let latency = model.lock().latency;
            if !latency.is_zero() {
                thread::sleep(latency);
            }
            model.answer(call, LongPolls::WaitWhile(is_open))
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at or changes something, after the consumers have done what was due.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        state.consume();
        let changed = change(&mut state);
        state.note_counts();
        drop(state);
        self.changed.notify_all();
        changed
    }

    fn answer(&self, call: &Call, long_polls: LongPolls<'_>) -> Answer {
        let (before, faults) = {
            let mut state = self.lock();
            state.calls.push(operation(call).to_owned());
            (state.calls.len().saturating_sub(1), Arc::clone(&state.faults))
        };
        let fault = faults(call, before);
        match &fault {
            Fault::RequestLost => return Answer::Break,
            Fault::RequestHangs => return Answer::Hang,
            Fault::Refused(status, code) => return refused(*status, code),
            _ => {}
        }
        let answer = self.carry_out(call, &fault, long_polls);
        match fault {
            Fault::AnswerLost => Answer::Break,
            Fault::AnswerHangs => Answer::Hang,
            _ => answer,
        }
    }

    /// Does what a call asks. A receive of an empty queue waits as long as it asks, and others go on meanwhile.
    fn carry_out(&self, call: &Call, fault: &Fault, long_polls: LongPolls<'_>) -> Answer {
        let mut state = self.lock();
        let seconds = call.body.get("WaitTimeSeconds").and_then(Value::as_f64).unwrap_or(0.0);
        let patience = match long_polls {
            LongPolls::WaitWhile(_) => Duration::from_secs_f64(seconds * state.long_poll_scale),
            LongPolls::AnswerAtOnce => Duration::ZERO,
        };
        let deadline = Instant::now() + patience;
        loop {
            let is_gone = matches!(long_polls, LongPolls::WaitWhile(is_open) if !patience.is_zero() && !is_open());
            if is_gone {
                return Answer::Break;
            }
            state.consume();
            let answer = state.apply(call, fault);
            state.note_counts();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !is_empty_receive(call, &answer) {
                drop(state);
                self.changed.notify_all();
                return answer;
            }
            let waited = self.changed.wait_timeout(state, left.min(LOOK_AGAIN));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn is_empty_receive(call: &Call, answer: &Answer) -> bool {
    let Answer::Reply(200, body) = answer else { return false };
    let messages = body.get("Messages").and_then(Value::as_array);
    operation(call) == "ReceiveMessage" && messages.is_none_or(Vec::is_empty)
}

fn refused(status: u16, code: &str) -> Answer {
    Answer::Reply(status, json!({ "__type": format!("com.amazonaws.sqs#{code}"), "message": "refused by the model" }))
}

impl State {
    fn apply(&mut self, call: &Call, fault: &Fault) -> Answer {
        match call.operation.split('.').next() {
            Some("AWSEvents") => self.event_bridge(call, fault),
            Some("Lambda") if operation(call) == "GetFunctionConfiguration" => self.function_configuration(call),
            Some("Lambda") => self.invoke(call),
            _ => self.sqs(call, fault),
        }
    }

    fn note_counts(&mut self) {
        self.queues.values_mut().for_each(ModelQueue::note_counts);
    }

    fn next_seq(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}
