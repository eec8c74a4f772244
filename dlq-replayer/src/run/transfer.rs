//! What becomes of each message that is moved: one owner of everything that a run knows about what it sends.
//!
//! No calls are made here; `engine` makes them and tells what came of them.

use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    rc::Rc,
    time::Duration,
};

use super::{
    breaker::Breaker,
    lanes::{Item, Lanes, Tries},
    order::{Lane, StoppedLanes},
    plan::{Doomed, Next, Plan},
    returned::SentIds,
    routes::{Routes, Target},
    source::After,
};
use crate::{
    journal::{
        leftovers::{Left, Leftovers},
        record::Note,
        write::Journal,
    },
    report::counts::Counts,
    rules::{decide::decide, refusal::Refusal},
    sqs::message::{Message, MessageKey},
};

/// Sends of one message, and deletes of one, when the service asks for a lower rate.
pub const THROTTLED_TRIES: u32 = 8;

/// First wait before another try; doubled each time.
pub const FIRST_WAIT: Duration = Duration::from_millis(100);

/// A run's knowledge of what it sends.
pub struct Transfer {
    pub(super) plan: Plan,
    pub(super) journal: Option<Rc<Journal>>,
    leftovers: Leftovers,
    /// The numbers.
    pub counts: Counts,
    /// What waits to be sent.
    pub lanes: Lanes,
    /// What waits to be deleted.
    pub to_delete: VecDeque<Doomed>,
    /// The first refusals, by message id.
    pub refusals: Vec<(String, Refusal)>,
    pub(super) breaker: Breaker,
    pub(super) sent_ids: SentIds,
    pub(super) stopped: StoppedLanes,
    pub(super) chosen: u64,
    /// Messages that an earlier run has sent, until they are deleted.
    pub(super) finishing: HashSet<MessageKey>,
    /// Those of them that are deleted.
    pub(super) finished: HashSet<MessageKey>,
    pub(super) not_deleted: BTreeSet<String>,
    pub(super) unconfirmed: BTreeSet<String>,
    pub(super) duplicates: BTreeSet<String>,
    /// Messages of the file of repaired bodies that were not met yet, and that no unfinished run has delivered.
    pub(super) not_met: BTreeSet<MessageKey>,
    /// Messages of the canary that have returned, by the queue's count: some of them may be received later.
    pub(super) canary_returned: u64,
    /// Messages of earlier runs that were met and are still unfinished.
    pub(super) still_left: BTreeSet<MessageKey>,
}

impl Transfer {
    /// A transfer that has not begun.
    pub fn new(plan: Plan, breaker: Breaker, journal: Option<Rc<Journal>>, leftovers: Leftovers) -> Self {
        let of_file =
            plan.selection.ids.iter().flatten().copied().filter(|key| !leftovers.has_delivered_from_file(*key));
        let not_met = if plan.bodies.is_some() { of_file.collect() } else { BTreeSet::new() };
        Self {
            plan,
            journal,
            leftovers,
            counts: Counts::default(),
            lanes: Lanes::default(),
            to_delete: VecDeque::new(),
            refusals: Vec::new(),
            breaker,
            sent_ids: SentIds::default(),
            stopped: StoppedLanes::default(),
            chosen: 0,
            finishing: HashSet::new(),
            finished: HashSet::new(),
            not_deleted: BTreeSet::new(),
            unconfirmed: BTreeSet::new(),
            duplicates: BTreeSet::new(),
            not_met,
            canary_returned: 0,
            still_left: BTreeSet::new(),
        }
    }

    /// Takes over the ids that earlier runs were given: a FIFO queue that is given a message again
    /// answers with the first one's id, and stores nothing.
    #[must_use]
    pub fn knowing(mut self, earlier: SentIds) -> Self {
        self.sent_ids = earlier;
        self
    }

    /// The destinations.
    pub fn routes(&mut self) -> &mut Routes {
        &mut self.plan.routes
    }

    /// The journal, where there is one.
    pub fn journal(&self) -> Option<Rc<Journal>> {
        self.journal.clone()
    }

    /// Whether messages are deleted at their source.
    pub fn deletes(&self) -> bool {
        self.plan.after == After::Delete
    }

    /// Whether so much was found that scanning on is of no use.
    pub fn is_enough(&self) -> bool {
        self.chosen >= self.plan.limit || self.plan.selection.is_complete_with(self.counts.matched)
    }

    /// Messages that may still be chosen.
    pub fn left_of_limit(&self) -> u64 {
        self.plan.limit.saturating_sub(self.chosen)
    }

    /// The circuit breaker.
    pub fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// Whether a message is one that this run has sent and that has returned.
    pub fn has_returned(&mut self, message: &Message) -> bool {
        // Nothing returns to a file.
        if !self.deletes() || !self.sent_ids.has_returned(message) {
            return false;
        }
        self.counts.returned += 1;
        self.breaker.returned();
        self.note(Note::Returned, "", &message.id);
        true
    }

    /// Decides about a message, which has nowhere to go when there is a refusal.
    ///
    /// # Errors
    ///
    /// The file with the repaired bodies cannot be read any more.
    pub fn take(&mut self, message: Message, refusal: Option<Refusal>) -> anyhow::Result<Next> {
        let key = message.key();
        self.not_met.remove(&key);
        let next = self.next(message, refusal)?;
        if matches!(next, Next::Aside) {
            self.stays(key);
        }
        Ok(next)
    }

    /// A message stays in the queue. What an earlier run has left of it is then still to be finished.
    pub(super) fn stays(&mut self, key: MessageKey) {
        if self.leftovers.has(key) {
            self.still_left.insert(key);
        }
    }

    fn next(&mut self, message: Message, refusal: Option<Refusal>) -> anyhow::Result<Next> {
        let key = message.key();
        let matched = self.plan.selection.matches(&message);
        if !matched && self.leftovers.is_empty() {
            return Ok(Next::Aside);
        }
        let target = refusal.map_or_else(|| self.plan.routes.target(&message), Target::Refused);
        // Whether or not the destination can be used now.
        let name = self.plan.routes.name_of(&target);
        if name.as_ref().is_some_and(|name| self.leftovers.of(key, name) == Some(Left::Sent)) {
            return Ok(self.finish(key));
        }
        if !matched {
            return Ok(Next::Aside);
        }
        let target = match target {
            Target::Lookup(arn) => return Ok(Next::Lookup(arn, Box::new(message))),
            Target::To(to) => Ok(to),
            Target::Refused(refusal) => Err(refusal),
        };
        let lane = message.group().map(|group| Lane { group: group.to_owned(), to: name });
        if self.is_enough() {
            // The limit has room again when a destination is closed. Messages behind this one must not overtake it then.
            let lane = lane.filter(|_| self.keeps_order(target.as_ref().ok()));
            self.stopped.stop(lane);
            return Ok(Next::Aside);
        }
        let next = self.choose(message, target, lane)?;
        // One that an earlier run has put in quarantine has matched then, and counts as finished now.
        if !matches!(next, Next::Delete | Next::Finished) {
            self.counts.matched += 1;
        }
        Ok(next)
    }

    /// Whether the order of groups must be kept on the way to a destination. Without a destination, only the source tells.
    fn keeps_order(&self, to: Option<&usize>) -> bool {
        self.plan.fifo_source || to.is_some_and(|to| self.plan.routes.is_fifo(*to))
    }

    fn left(&self, key: MessageKey, to: usize) -> Option<Left> {
        self.leftovers.of(key, &self.plan.routes.name(to))
    }

    /// An earlier run has sent a message to where it would go now.
    fn finish(&mut self, key: MessageKey) -> Next {
        if self.deletes() {
            self.finishing.insert(key);
            return Next::Delete;
        }
        // A file stays as it is: that the message was sent is all there is to finish.
        self.counts.finished_for_earlier_run += 1;
        Next::Finished
    }

    /// Decides about a message that matches, given where it would go and the lane that it would go on if its order must be kept.
    fn choose(&mut self, message: Message, target: Result<usize, Refusal>, lane: Option<Lane>) -> anyhow::Result<Next> {
        let (id, key) = (message.id.clone(), message.key());
        if lane.as_ref().is_some_and(|lane| self.stopped.has(lane)) {
            self.counts.left_for_order += 1;
            return Ok(Next::Aside);
        }
        let body = match &mut self.plan.bodies {
            Some(bodies) => bodies.get(key)?,
            None => None,
        };
        let keeps_order = self.keeps_order(target.as_ref().ok());
        let routes = &self.plan.routes;
        let quarantine = routes.quarantine().filter(|_| self.plan.treatment.quarantines(&message));
        let target = target.or_else(|refusal| quarantine.ok_or(refusal));
        let decided = target.and_then(|to| {
            let ends = |route| routes.ends(routes.place(to, route));
            decide(message, body, &self.plan.treatment, ends)
                .map(|(route, outgoing)| (routes.place(to, route), route, outgoing))
        });
        let (to, route, outgoing) = match decided {
            Ok(decided) => decided,
            Err(refusal) => {
                self.refuse(&id, lane.filter(|_| keeps_order), refusal);
                return Ok(Next::Aside);
            }
        };
        let lane = lane.filter(|_| self.keeps_order(Some(&to)));
        let left = self.left(key, to);
        if left == Some(Left::Sent) {
            return Ok(self.finish(key));
        }
        if let Some(refusal) = self.plan.routes.refusal(to, route) {
            self.refuse(&id, lane, refusal);
            return Ok(Next::Aside);
        }
        self.chosen += 1;
        let tries = Tries { lost: left == Some(Left::Unconfirmed), ..Tries::default() };
        self.lanes.push(Item { key, to, route, outgoing, lane, tries });
        Ok(Next::Queued)
    }
}
