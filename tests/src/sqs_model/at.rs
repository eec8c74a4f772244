//! One Region of one account of the model.

use super::{ModelQueue, NewMessage, Rule, SqsModel, State, Stored, lambda::Function, place::Place};

/// A Region of an account: what a test prepares there, and what it finds there.
#[derive(Clone)]
pub struct At {
    pub(super) model: SqsModel,
    pub(super) place: Place,
}

impl At {
    /// Makes a queue; a name that ends with `.fifo` makes a FIFO queue.
    pub fn create(&self, name: &str) {
        let queue = ModelQueue::new(self.place.clone(), name);
        self.model.change(|state| drop(state.queues.insert((self.place.clone(), name.to_owned()), queue)));
    }

    /// Changes a queue, which is made if it is missing.
    pub fn with<T>(&self, name: &str, change: impl FnOnce(&mut ModelQueue) -> T) -> T {
        self.model.change(|state| change(self.queue(state, name)))
    }

    /// Puts a message into a queue, which is made if it is missing, and returns its id.
    pub fn put(&self, name: &str, message: NewMessage) -> String {
        self.model.change(|state| {
            let seq = state.next_seq();
            self.queue(state, name).put(seq, message)
        })
    }

    fn queue<'a>(&self, state: &'a mut State, name: &str) -> &'a mut ModelQueue {
        let make = || ModelQueue::new(self.place.clone(), name);
        state.queues.entry((self.place.clone(), name.to_owned())).or_insert_with(make)
    }

    /// Copies of all messages of a queue, in the order they were sent, hidden ones included.
    pub fn messages(&self, name: &str) -> Vec<Stored> {
        self.look(name, ModelQueue::all).unwrap_or_default()
    }

    /// How many messages are in a queue, hidden ones included.
    pub fn count(&self, name: &str) -> usize {
        self.look(name, ModelQueue::count).unwrap_or_default()
    }

    fn look<T>(&self, name: &str, look: impl FnOnce(&ModelQueue) -> T) -> Option<T> {
        self.model.change(|state| state.queues.get(&(self.place.clone(), name.to_owned())).map(look))
    }

    /// The ARN of a queue.
    pub fn arn(&self, name: &str) -> String {
        self.place.arn(name)
    }

    /// The URL of a queue.
    pub fn url(&self, name: &str) -> String {
        self.place.url(name)
    }

    /// Makes an event bus; `default` exists from the start.
    pub fn create_bus(&self, bus: &str) {
        self.model.change(|state| {
            state.buses.create(self.place.clone(), bus);
        });
    }

    /// Adds a rule to a bus, which is made if it is missing.
    pub fn add_rule(&self, bus: &str, rule: Rule) {
        self.model.change(|state| state.buses.create(self.place.clone(), bus).push(rule));
    }

    /// Changes the rules of a bus.
    pub fn change_rules(&self, bus: &str, change: impl FnOnce(&mut Vec<Rule>)) {
        self.model.change(|state| change(state.buses.create(self.place.clone(), bus)));
    }

    /// Makes a Lambda function.
    pub fn create_function(&self, name: &str) {
        self.function(name, |_| ());
    }

    /// Refuses invocations of a function with a status and a code, or takes them again.
    pub fn refuse_invocations(&self, name: &str, with: Option<(u16, &'static str)>) {
        self.function(name, |function| function.refuses = with);
    }

    /// The payloads that a function was invoked with, in order.
    pub fn invocations(&self, name: &str) -> Vec<String> {
        self.function(name, |function| function.payloads.clone())
    }

    fn function<T>(&self, name: &str, change: impl FnOnce(&mut Function) -> T) -> T {
        self.model.change(|state| change(state.functions.entry((self.place.clone(), name.to_owned())).or_default()))
    }
}
