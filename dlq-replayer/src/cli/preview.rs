//! The dry run: each message is decided about as the run would, and nothing is sent.

use std::collections::{HashMap, HashSet};

use super::{
    changing::Change,
    session::{Session, end_of_scan, reveal},
};
use crate::{
    journal::{
        folder,
        leftovers::{Left, Leftovers},
        past::last_unfinished,
    },
    report::{counts::Named, dry_run::DryRunReport, exit::Exit, masking::Reveal},
    rules::{
        decide::{Treatment, decide},
        refusal::Refusal,
    },
    run::{
        order::{Lane, StoppedLanes},
        routes::Target,
        scan::scan,
        source::Source,
        state::{Look, Visit},
    },
    sqs::{
        address::AddressError,
        call_error::CallError,
        message::{Message, MessageKey},
        queue::Queue,
    },
};

/// Shows what a change would do.
///
/// # Errors
///
/// A call failed, or the file with the repaired bodies cannot be read.
pub async fn dry_run(session: &Session<'_>, source: Source, change: Change, revealed: bool) -> anyhow::Result<Exit> {
    if let Source::Queue(queue) = &source {
        session.note_live_run(queue);
    }
    let journals = folder::of_queue(&folder::root()?, source.name());
    let scope = source.scope(&change.destination);
    let unfinished_run = last_unfinished(&journals, scope)?;
    let earlier = Leftovers::load(&journals, scope)?;
    let mut preview = Preview::new(change, &source, earlier, reveal(revealed));
    preview.report.unfinished_run = unfinished_run;
    let (settings, clients) = (session.settings(), session.clients.clone());
    let mut scanned = scan(source, None, settings, clients, &session.interrupt, &mut preview).await?;
    if let Some(fault) = preview.fault.take().or(scanned.fault.take()) {
        return Err(fault);
    }
    let saw_everything = !preview.is_enough() && !scanned.stopped.interrupted && scanned.not_seen == 0;
    let delivered = |key: &MessageKey| preview.earlier.has_delivered_from_file(*key);
    let missing = preview.not_met.iter().filter(|key| !delivered(key));
    let written = |key: &MessageKey| preview.change.bodies.as_ref().map(|bodies| bodies.written(*key));
    let not_met = missing.filter_map(written).collect();
    let Preview { mut report, change, .. } = preview;
    report.undecided = change.selection.undecided();
    (report.scanned, report.not_seen, report.stopped) = (scanned.scanned, scanned.not_seen, scanned.stopped);
    if saw_everything {
        report.not_in_queue = Named::of(&not_met);
    }
    session.print(&report)?;
    Ok(match end_of_scan(&scanned, report.matched() + report.would_finish) {
        Exit::Done if report.would_leave_some() => Exit::Partly,
        // What is missing was named, and is more than that nothing matched.
        Exit::NothingMatched if report.not_in_queue.count > 0 => Exit::Partly,
        exit => exit,
    })
}

/// A dry run: each message is decided about as the run would.
struct Preview {
    change: Change,
    /// What earlier runs have left.
    earlier: Leftovers,
    reveal: Reveal,
    /// Messages of the file of repaired bodies that were not met.
    not_met: HashSet<MessageKey>,
    /// Whether the source is a FIFO queue, whose groups keep their order wherever they go.
    fifo_source: bool,
    /// Groups of which a message is refused, so that those behind it stay.
    stopped: StoppedLanes,
    /// Messages that were scanned.
    scanned: u64,
    /// The places among them of those that wait for a lookup.
    waiting: HashMap<MessageKey, u64>,
    /// Why the file with the repaired bodies cannot be read any more.
    fault: Option<anyhow::Error>,
    /// What is shown.
    report: DryRunReport,
}

/// Sources are looked up as by the run, so that messages of one that cannot be used do not use up the limit.
impl Visit for &mut Preview {
    fn visit(&mut self, message: &Message, refusal: Option<Refusal>) -> Look {
        let place = self.waiting.remove(&message.key()).unwrap_or(self.scanned);
        self.scanned = self.scanned.max(place + 1);
        match self.add(place, message, refusal) {
            Ok(Some(arn)) => {
                self.waiting.insert(message.key(), place);
                return Look::Lookup(arn);
            }
            Ok(None) => {}
            Err(fault) => self.fault = Some(fault),
        }
        if self.fault.is_some() || self.is_enough() || self.is_complete() { Look::Enough } else { Look::On }
    }

    fn looked_up(&mut self, arn: String, found: Result<Queue, AddressError>) -> Result<Option<Refusal>, CallError> {
        self.change.routes.looked_up(arn, found)
    }
}

impl Preview {
    /// A dry run without messages.
    fn new(change: Change, source: &Source, earlier: Leftovers, reveal: Reveal) -> Self {
        let report = DryRunReport::new(change.command, source.name().to_owned(), change.destination.clone());
        let of_file = change.selection.ids.iter().flatten().copied();
        let not_met = if change.bodies.is_some() { of_file.collect() } else { HashSet::new() };
        let fifo_source = source.is_fifo();
        Self {
            change,
            earlier,
            reveal,
            not_met,
            fifo_source,
            stopped: StoppedLanes::default(),
            scanned: 0,
            waiting: HashMap::new(),
            fault: None,
            report,
        }
    }

    /// Whether as many messages were found as would be sent or go to quarantine.
    fn is_enough(&self) -> bool {
        let limit = self.change.written.limit.unwrap_or(u64::MAX);
        self.report.would_send + self.report.would_quarantine >= limit
    }

    /// Whether every message that can match was found.
    fn is_complete(&self) -> bool {
        self.change.selection.is_complete_with(self.report.matched())
    }

    /// Adds a message, which has nowhere to go when there is a refusal. Gives back the queue that has to be looked up first.
    ///
    /// # Errors
    ///
    /// The file with the repaired bodies cannot be read any more.
    fn add(&mut self, place: u64, message: &Message, refusal: Option<Refusal>) -> anyhow::Result<Option<String>> {
        let key = message.key();
        self.not_met.remove(&key);
        let matched = self.change.selection.matches(message);
        if !matched && self.earlier.is_empty() {
            return Ok(None);
        }
        let target = refusal.map_or_else(|| self.change.routes.target(message), Target::Refused);
        let name = self.change.routes.name_of(&target);
        if name.as_ref().is_some_and(|name| self.earlier.of(key, name) == Some(Left::Sent)) {
            self.report.would_finish += 1;
            return Ok(None);
        }
        // Messages that have waited for a lookup may come after enough others.
        if !matched || self.is_enough() {
            return Ok(None);
        }
        let target = match target {
            Target::Lookup(arn) => return Ok(Some(arn)),
            Target::To(at) => Ok(at),
            Target::Refused(refusal) => Err(refusal),
        };
        let keeps_order = self.fifo_source || target.as_ref().is_ok_and(|at| self.change.routes.is_fifo(*at));
        let lane = message.group().filter(|_| keeps_order).map(|group| Lane { group: group.to_owned(), to: name });
        if lane.as_ref().is_some_and(|lane| self.stopped.has(lane)) {
            self.report.would_leave_for_order += 1;
            return Ok(None);
        }
        if let Err(refusal) = self.decide(place, message, target)? {
            self.report.refused(place, &message.id, &refusal);
            self.stopped.stop(lane);
        }
        Ok(None)
    }

    /// Decides about a message that matches; the refusal when it would stay.
    fn decide(
        &mut self,
        place: u64,
        message: &Message,
        target: Result<usize, Refusal>,
    ) -> anyhow::Result<Result<(), Refusal>> {
        let routes = &self.change.routes;
        let quarantine = routes.quarantine().filter(|_| self.change.treatment.quarantines(message));
        let at = match target.or_else(|refusal| quarantine.ok_or(refusal)) {
            Ok(at) => at,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if let Treatment::Replay(_) = &self.change.treatment
            && let Some(source) = routes.passed_over(message)
        {
            *self.report.from_other_source.entry(source.to_owned()).or_default() += 1;
        }
        let body = match &mut self.change.bodies {
            Some(bodies) => bodies.get(message.key())?,
            None => None,
        };
        let before = self.report.wants_sample(place).then_some((place, message.body.as_str()));
        let ends = |route| routes.ends(routes.place(at, route));
        let (route, outgoing) = match decide(message.clone(), body, &self.change.treatment, ends) {
            Ok(decided) => decided,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let to = routes.name(routes.place(at, route));
        if self.earlier.of(message.key(), &to) == Some(Left::Sent) {
            self.report.would_finish += 1;
        } else {
            self.report.sent(&to, route, before, &outgoing, routes.carries_attributes(), self.reveal);
        }
        Ok(Ok(()))
    }
}
