//! Where each message goes: where the operator says, or back to the queue that it came from.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use crate::{
    rules::{
        cause::Cause,
        decide::{Ends, Route},
        refusal::Refusal,
    },
    sqs::{
        address::QueueAddress,
        archive::Archive,
        call_error::CallError,
        destination::Destination,
        message::{Message, SOURCE_ARN},
        queue::Queue,
    },
};

/// Where one message goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// To this destination.
    To(usize),
    /// To this queue, which has to be looked up first.
    Lookup(String),
    /// Nowhere, for this reason.
    Refused(Refusal),
}

/// The destinations of a run.
pub struct Routes {
    /// The queue that is read; nothing is sent back to it.
    pub(super) from: Option<QueueAddress>,
    destinations: Vec<Rc<Destination>>,
    pub(super) fixed: Option<usize>,
    fallback: Option<usize>,
    pub(super) quarantine: Option<usize>,
    pub(super) sources: HashMap<String, Result<usize, Refusal>>,
    /// The ARNs of all sources, where SQS lists them.
    pub(super) listed: Option<Vec<String>>,
    /// Lookups that have failed in passing, by ARN.
    pub(super) failed: HashMap<String, u32>,
    /// Destinations that take nothing more, and why.
    pub(super) closed: BTreeMap<usize, CallError>,
    /// Why sources could not be looked up, where AWS has said no.
    pub(super) denied: Vec<CallError>,
}

impl Routes {
    /// Every message goes to one destination.
    pub fn to(destination: Destination) -> Self {
        let mut routes = Self::back_to_source(None, None);
        routes.fixed = Some(routes.add(destination));
        routes
    }

    /// Each message goes back to the queue that SQS says it came from; `only` takes those about which it says nothing.
    pub fn back_to_source(from: Option<QueueAddress>, only: Option<Queue>) -> Self {
        // A queue that is its own source would be sent to itself.
        let itself = |queue: &Queue| from.as_ref().is_some_and(|from| from.arn == queue.address.arn);
        let only = only.filter(|queue| !itself(queue));
        let mut routes = Self {
            listed: only.as_ref().map(|queue| vec![queue.address.arn.clone()]),
            from,
            destinations: Vec::new(),
            fixed: None,
            fallback: None,
            quarantine: None,
            sources: HashMap::new(),
            failed: HashMap::new(),
            closed: BTreeMap::new(),
            denied: Vec::new(),
        };
        if let Some(queue) = only {
            let arn = queue.address.arn.clone();
            let at = routes.add(Destination::Queue(queue));
            routes.sources.insert(arn, Ok(at));
            routes.fallback = Some(at);
        }
        routes
    }

    /// Knows the ARNs of all sources, so that the last one that is closed ends the run.
    #[must_use]
    pub fn listing(mut self, sources: Vec<String>) -> Self {
        self.listed = Some(sources);
        self
    }

    /// Where messages go that were replayed too often.
    #[must_use]
    pub fn with_quarantine(mut self, quarantine: Option<Destination>) -> Self {
        self.quarantine = quarantine.map(|quarantine| self.add(quarantine));
        self
    }

    pub(super) fn add(&mut self, destination: Destination) -> usize {
        self.destinations.push(Rc::new(destination));
        self.destinations.len() - 1
    }

    /// Where a message goes, unless it is put in quarantine.
    pub fn target(&self, message: &Message) -> Target {
        if let Some(fixed) = self.fixed {
            return Target::To(fixed);
        }
        match message.system.get(SOURCE_ARN) {
            Some(arn) => match self.sources.get(arn) {
                Some(Ok(at)) => Target::To(*at),
                Some(Err(refusal)) => Target::Refused(refusal.clone()),
                None => Target::Lookup(arn.clone()),
            },
            None => match self.fallback {
                Some(at) if Cause::of(message).may_go_to(&self.name(at)) => Target::To(at),
                _ => Target::Refused(Refusal::NoSource),
            },
        }
    }

    /// The name of a target; none when nothing says which one it is.
    pub fn name_of(&self, target: &Target) -> Option<String> {
        match target {
            Target::To(at) => Some(self.name(*at)),
            Target::Lookup(arn) => Some(arn.clone()),
            Target::Refused(refusal) => refusal.unusable().map(|(queue, _)| queue.to_owned()),
        }
    }

    /// The quarantine, where there is one.
    pub fn quarantine(&self) -> Option<usize> {
        self.quarantine
    }

    /// The destination that a message ends at, given where it would go and what was decided.
    pub fn place(&self, to: usize, route: Route) -> usize {
        match route {
            Route::Quarantine => self.quarantine.unwrap_or(to),
            Route::Destination => to,
        }
    }

    /// A destination.
    pub fn get(&self, at: usize) -> Option<&Rc<Destination>> {
        self.destinations.get(at)
    }

    /// The name of a destination; empty when there is none.
    pub fn name(&self, at: usize) -> String {
        self.get(at).map(|destination| destination.name()).unwrap_or_default()
    }

    /// What a destination is, so far as that decides what can be sent to it.
    pub fn ends(&self, at: usize) -> Ends {
        match self.get(at).map(Rc::as_ref) {
            Some(Destination::Queue(queue)) => Ends::of_queue(queue.address.is_fifo()),
            _ => Ends::Elsewhere,
        }
    }

    /// Whether a destination is a FIFO queue.
    pub fn is_fifo(&self, at: usize) -> bool {
        self.get(at).is_some_and(|destination| destination.is_fifo())
    }

    /// Whether a destination that is known already is a FIFO queue.
    pub fn has_fifo(&self) -> bool {
        self.destinations.iter().any(|destination| destination.is_fifo())
    }

    /// The file that every message goes into, if it does.
    pub fn archive(&self) -> Option<&Archive> {
        match self.get(self.fixed?)?.as_ref() {
            Destination::Archive(archive) => Some(archive),
            _ => None,
        }
    }

    /// Where messages go, as it is shown.
    pub fn shown(&self) -> String {
        match self.fixed.or(self.fallback) {
            Some(at) => self.name(at),
            None => "each message's own source queue".to_owned(),
        }
    }

    /// The queue that every message is sent to, where the operator has chosen one.
    fn chosen_queue(&self) -> Option<&str> {
        match self.get(self.fixed?)?.as_ref() {
            Destination::Queue(queue) => Some(&queue.address.arn),
            _ => None,
        }
    }

    /// The queue that a message came from, when the operator has chosen another one for it.
    pub fn passed_over<'m>(&self, message: &'m Message) -> Option<&'m str> {
        let source = message.system.get(SOURCE_ARN)?;
        self.chosen_queue().is_some_and(|chosen| chosen != source).then_some(source.as_str())
    }

    /// Whether the destination of every message takes attributes.
    pub fn carries_attributes(&self) -> bool {
        let fixed = self.fixed.and_then(|fixed| self.get(fixed)).map(Rc::as_ref);
        !matches!(fixed, Some(Destination::Bus(_) | Destination::Function(_)))
    }

    /// The first destination that no longer takes what it took when it was found. An operator may take hours to confirm.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn changed(&self) -> Result<Option<String>, CallError> {
        for destination in &self.destinations {
            if let Destination::Bus(bus) = destination.as_ref()
                && bus.has_changed().await?
            {
                return Ok(Some(bus.arn.clone()));
            }
        }
        Ok(None)
    }

    /// All destinations, by their places.
    pub fn all(&self) -> impl Iterator<Item = (usize, &Rc<Destination>)> {
        self.destinations.iter().enumerate()
    }
}
