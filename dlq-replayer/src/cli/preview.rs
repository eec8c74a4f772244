//! The dry run: each message is decided about as the run would, and nothing is sent.

use std::collections::{BTreeMap, HashSet};

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
    rules::decide::{Ends, Route, Treatment, decide},
    run::{routes::Target, scan::scan, source::Source, state::Look},
    sqs::{
        address,
        message::{Message, MessageKey},
        queue_argument::is_fifo,
    },
};

/// Shows what a change would do.
///
/// # Errors
///
/// A call failed, or the file with the repaired bodies cannot be read.
pub async fn dry_run(session: &Session<'_>, source: Source, change: Change, revealed: bool) -> anyhow::Result<Exit> {
    let limit = change.written.limit.unwrap_or(u64::MAX);
    if let Source::Queue(queue) = &source {
        session.note_live_run(queue);
    }
    let journals = folder::of_queue(&folder::root()?, source.name());
    let scope = source.scope(&change.destination);
    let unfinished_run = last_unfinished(&journals, scope)?;
    let earlier = Leftovers::load(&journals, scope)?;
    let mut preview = Preview::new(change, &source, earlier, reveal(revealed));
    preview.report.unfinished_run = unfinished_run;
    let mut enough = false;
    let mut fault = None;
    let scanned = scan(source, None, session.settings(), session.clients.clone(), &session.interrupt, |message| {
        fault = preview.add(message).err();
        enough = preview.sends() >= limit;
        if enough || fault.is_some() || preview.is_complete() { Look::Enough } else { Look::On }
    });
    let mut scanned = scanned.await?;
    if let Some(fault) = fault.or(scanned.fault.take()) {
        return Err(fault);
    }
    preview.look_up_sources(session).await?;
    let saw_everything = !enough && !scanned.stopped.interrupted && scanned.not_seen == 0;
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
    stopped_groups: HashSet<String>,
    /// Messages of source queues that are still to be looked up, by ARN.
    of_sources: BTreeMap<String, DryRunReport>,
    /// What is shown.
    report: DryRunReport,
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
            stopped_groups: HashSet::new(),
            of_sources: BTreeMap::new(),
            report,
        }
    }

    fn reports(&self) -> impl Iterator<Item = &DryRunReport> {
        self.of_sources.values().chain([&self.report])
    }

    /// Messages that would be sent or go to quarantine.
    fn sends(&self) -> u64 {
        self.reports().map(|report| report.would_send + report.would_quarantine).sum()
    }

    /// Whether every message that can match was found.
    fn is_complete(&self) -> bool {
        self.change.selection.is_complete_with(self.reports().map(DryRunReport::matched).sum())
    }

    /// Adds a message.
    ///
    /// # Errors
    ///
    /// The file with the repaired bodies cannot be read any more.
    fn add(&mut self, message: &Message) -> anyhow::Result<()> {
        let key = message.key();
        self.not_met.remove(&key);
        let matched = self.change.selection.matches(message);
        if !matched && self.earlier.is_empty() {
            return Ok(());
        }
        let target = self.change.routes.target(message);
        let (to, at) = match &target {
            Target::To(at) => (self.change.routes.name(*at), Some(*at)),
            Target::Lookup(arn) => (arn.clone(), None),
            Target::Refused(_) => (String::new(), None),
        };
        if self.earlier.of(key, &to) == Some(Left::Sent) {
            self.report.would_finish += 1;
            return Ok(());
        }
        if !matched {
            return Ok(());
        }
        let keeps_order = self.fifo_source || at.is_some_and(|at| self.change.routes.is_fifo(at));
        let group = message.group().filter(|_| keeps_order);
        if group.is_some_and(|group| self.stopped_groups.contains(group)) {
            self.report.would_leave_for_order += 1;
            return Ok(());
        }
        let routes = &self.change.routes;
        let report = match target {
            Target::To(_) => &mut self.report,
            Target::Lookup(arn) => self.of_sources.entry(arn).or_default(),
            Target::Refused(refusal) => {
                self.report.refused(&message.id, &refusal);
                self.stopped_groups.extend(group.map(str::to_owned));
                return Ok(());
            }
        };
        if let Treatment::Replay(_) = &self.change.treatment
            && let Some(source) = routes.passed_over(message)
        {
            *report.from_other_source.entry(source.to_owned()).or_default() += 1;
        }
        let body = match &mut self.change.bodies {
            Some(bodies) => bodies.get(key)?,
            None => None,
        };
        report.met(&message.id);
        let before = report.wants_sample().then_some(message.body.as_str());
        let place = |route| routes.place(at.unwrap_or_default(), route);
        let ends = |route| match (at, route) {
            (None, Route::Destination) => Ends::of_queue(is_fifo(&to)),
            (_, route) => routes.ends(place(route)),
        };
        match decide(message.clone(), body, &self.change.treatment, ends) {
            Ok((Route::Quarantine, _))
                if self.earlier.of(key, &routes.name(place(Route::Quarantine))) == Some(Left::Sent) =>
            {
                report.would_finish += 1;
            }
            Ok((route, outgoing)) => {
                report.sent(&to, route, before, &outgoing, routes.carries_attributes(), self.reveal);
            }
            Err(refusal) => {
                report.refused(&message.id, &refusal);
                self.stopped_groups.extend(group.map(str::to_owned));
            }
        }
        Ok(())
    }

    /// Looks the source queues up, as the run does before it sends to them.
    ///
    /// # Errors
    ///
    /// The credentials are not valid, so that nothing can be looked up.
    async fn look_up_sources(&mut self, session: &Session<'_>) -> anyhow::Result<()> {
        for (arn, report) in std::mem::take(&mut self.of_sources) {
            let found = address::find(&session.clients, &arn).await;
            match self.change.routes.looked_up(arn, found)? {
                Some(refusal) => self.report.refused_all(&report, &refusal),
                None => self.report.merge(report),
            }
        }
        Ok(())
    }
}
