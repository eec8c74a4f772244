//! A model of SQS at the wire: what the service documents and an emulator does not show, such as partial failures,
//! lost requests and answers, stale receipts, and one empty receive in the middle of a full queue.
//!
//! It answers the SDK in this process ([`SqsModel::http`]) and other processes over loopback (`server`).

mod batches;
mod queue;
mod server;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

pub use queue::{ModelQueue, NewMessage, Stored};
pub use server::Server;

use crate::scripted_http::{Answer, Call, ScriptedHttp};

/// The Region of every queue.
pub const REGION: &str = "eu-west-1";

/// The account of every queue.
pub const ACCOUNT: &str = "123456789012";

/// What happens to one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered.
    None,
    /// The request never arrives, and the caller hears of it.
    RequestLost,
    /// It is done, and its answer never arrives.
    AnswerLost,
    /// The request never arrives, and the caller hears nothing.
    RequestHangs,
    /// It is done, and the caller hears nothing.
    AnswerHangs,
    /// It is refused with a status and a code, and not done.
    Refused(u16, &'static str),
    /// These entries of a batch are refused with a code and `SenderFault`; the others are done.
    Entries(Vec<usize>, &'static str, bool),
    /// A receive finds nothing, although there is something.
    Empty,
}

/// Gets a call and the number of all calls before it.
type Faults = dyn Fn(&Call, usize) -> Fault + Send + Sync;

/// SQS.
#[derive(Clone)]
pub struct SqsModel {
    state: Arc<Mutex<State>>,
    faults: Arc<Mutex<Arc<Faults>>>,
}

#[derive(Default)]
struct State {
    queues: BTreeMap<String, ModelQueue>,
    /// What was put on any bus.
    events: Vec<Value>,
    calls: Vec<String>,
    next: u64,
}

impl Default for SqsModel {
    fn default() -> Self {
        Self { state: Arc::default(), faults: Arc::new(Mutex::new(Arc::new(|_: &Call, _| Fault::None))) }
    }
}

impl SqsModel {
    /// SQS without queues.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a queue; a name that ends with `.fifo` makes a FIFO queue.
    pub fn create(&self, name: &str) {
        self.lock().queues.insert(name.to_owned(), ModelQueue::new(name));
    }

    /// Changes a queue.
    pub fn with<T>(&self, name: &str, change: impl FnOnce(&mut ModelQueue) -> T) -> T {
        change(self.lock().queues.entry(name.to_owned()).or_insert_with(|| ModelQueue::new(name)))
    }

    /// Puts a message into a queue and gives back its id.
    pub fn put(&self, name: &str, message: NewMessage) -> String {
        let mut state = self.lock();
        state.next += 1;
        let seq = state.next;
        let queue = state.queues.entry(name.to_owned()).or_insert_with(|| ModelQueue::new(name));
        queue.put(seq, message)
    }

    /// Copies of all messages of a queue, in the order they were sent, hidden ones included.
    pub fn messages(&self, name: &str) -> Vec<Stored> {
        self.lock().queues.get(name).map(ModelQueue::all).unwrap_or_default()
    }

    /// How many messages are in a queue, hidden ones included.
    pub fn count(&self, name: &str) -> usize {
        self.lock().queues.get(name).map_or(0, ModelQueue::count)
    }

    /// What was put on any bus.
    pub fn events(&self) -> Vec<Value> {
        self.lock().events.clone()
    }

    /// The operations called so far, in order.
    pub fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    /// Decides from now on what happens to each call; calls are counted from here.
    pub fn set_faults(&self, faults: impl Fn(&Call, usize) -> Fault + Send + Sync + 'static) {
        self.lock().calls.clear();
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(faults);
    }

    /// An HTTP client for the SDK that talks to this model.
    pub fn http(&self) -> ScriptedHttp {
        let model = self.clone();
        ScriptedHttp::forgetful(move |call| model.answer(call))
    }

    /// A server for other processes, on a free port of 127.0.0.1, until this process ends.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn serve(&self) -> anyhow::Result<Server> {
        let model = self.clone();
        Server::answering(move |call| model.answer(call))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, call: &Call) -> Answer {
        let faults = Arc::clone(&self.faults.lock().unwrap_or_else(PoisonError::into_inner));
        let mut state = self.lock();
        let before = state.calls.len();
        state.calls.push(call.operation.rsplit('.').next().unwrap_or_default().to_owned());
        let fault = faults(call, before);
        match &fault {
            Fault::RequestLost => return Answer::Refuse,
            Fault::RequestHangs => return Answer::Hang,
            Fault::Refused(status, code) => return refused(*status, code),
            _ => {}
        }
        let answer = state.apply(call, &fault);
        match fault {
            Fault::AnswerLost => Answer::Refuse,
            Fault::AnswerHangs => Answer::Hang,
            _ => answer,
        }
    }
}

fn refused(status: u16, code: &str) -> Answer {
    Answer::Reply(status, json!({ "__type": format!("com.amazonaws.sqs#{code}"), "message": "refused by the model" }))
}

/// The URL of a queue. The host is never asked: the SDK sends everything to its endpoint.
pub fn url(name: &str) -> String {
    format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}")
}

/// The ARN of a queue.
pub fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

impl State {
    fn apply(&mut self, call: &Call, fault: &Fault) -> Answer {
        let operation = call.operation.rsplit('.').next().unwrap_or_default();
        let text = |key: &str| call.body.get(key).and_then(Value::as_str).unwrap_or_default();
        match operation {
            "ListQueues" => {
                let urls: Vec<_> = self.queues.keys().map(|name| url(name)).collect();
                return Answer::Reply(200, json!({ "QueueUrls": urls }));
            }
            "PutEvents" => return self.put_events(call, fault),
            _ => {}
        }
        let name = if operation == "GetQueueUrl" { text("QueueName") } else { text("QueueUrl") };
        let name = name.rsplit('/').next().unwrap_or_default().to_owned();
        if !self.queues.contains_key(&name) {
            return refused(400, "QueueDoesNotExist");
        }
        match operation {
            "GetQueueUrl" => Answer::Reply(200, json!({ "QueueUrl": url(&name) })),
            "ListDeadLetterSourceQueues" => {
                let sources = self.queues.values().filter(|queue| queue.dead_letters.as_ref() == Some(&name));
                let urls: Vec<_> = sources.map(|queue| url(&queue.name)).collect();
                Answer::Reply(200, json!({ "queueUrls": urls }))
            }
            "GetQueueAttributes" => {
                Answer::Reply(200, json!({ "Attributes": self.queue(&name).map(ModelQueue::attributes) }))
            }
            "ReceiveMessage" if *fault == Fault::Empty => Answer::Reply(200, json!({})),
            "ReceiveMessage" => {
                let number = |key: &str| call.body.get(key).and_then(Value::as_u64);
                let (most, hidden) = (number("MaxNumberOfMessages").unwrap_or(1), number("VisibilityTimeout"));
                let received = self.queue(&name).map(|queue| queue.receive(most, hidden.unwrap_or(30)));
                Answer::Reply(200, json!({ "Messages": received }))
            }
            _ => self.batch(operation, &name, call, fault),
        }
    }

    fn queue(&mut self, name: &str) -> Option<&mut ModelQueue> {
        self.queues.get_mut(name)
    }
}
