//! `triage`: what is in a queue or a file, by reason, and what to do about each group.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    counts::Stopped,
    group::{Group, is_fault, is_plain, value},
    masking::Reveal,
    next::{Member, Told, Triaged, Typed, Wanted, in_parentheses, next},
    output::{Report, Style, age, bar, depth, grouped, lines, messages, scanned, table},
    summary::{not_seen, stopped_at, undecided},
};
use crate::{
    rules::{
        cause::{Cause, Verdict, would_be_read},
        decide::Contract,
        jq::Jq,
        select::{Undecided, view},
    },
    sqs::{message::Message, queue::Facts},
};

/// What is in a queue or a file.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TriageReport {
    /// The queue with its Region and account, or the file.
    pub source: String,
    /// Messages that can be received, as SQS estimates; none for a file.
    pub visible: Option<u64>,
    /// Messages that other receivers hold, as SQS estimates; none for a file.
    pub in_flight: Option<u64>,
    /// Messages whose delay has not passed, as SQS estimates; none for a file.
    pub delayed: Option<u64>,
    /// Messages that were scanned.
    pub scanned: u64,
    /// Messages of those that the filters matched.
    pub matched: u64,
    /// Messages that a filter could not decide about.
    #[serde(flatten)]
    pub undecided: Undecided,
    /// Messages that the queue counts and that were not seen.
    pub not_seen: u64,
    /// Whether it was stopped before its end.
    #[serde(flatten)]
    pub stopped: Stopped,
    /// Whether it stopped at the limit, so that there may be more.
    pub truncated: bool,
    /// Seconds since the oldest of them was sent.
    pub oldest_seconds: Option<u64>,
    /// Seconds until the first of them expires.
    pub first_expires_in_seconds: Option<u64>,
    /// What should be known before acting.
    pub warnings: Vec<String>,
    /// The groups, the largest first.
    pub groups: Vec<Group>,
    #[serde(skip)]
    max_replays: u32,
    #[serde(skip)]
    fifo: bool,
    #[serde(skip)]
    is_whole: bool,
}

/// How messages are grouped and shown.
pub struct TriageOptions {
    /// The source as the next command has to name it.
    pub triaged: Triaged,
    /// What was typed beside it.
    pub typed: Typed,
    /// The value that groups messages; by default their reason.
    pub group_by: Option<Jq>,
    /// Which bodies are validated.
    pub contract: Contract,
    /// Replays after which the loop guard refuses a message.
    pub max_replays: u32,
    /// Whether the source is a FIFO queue.
    pub fifo: bool,
    /// What is missing in a file that is not complete.
    pub incomplete: Option<String>,
    /// Whether personal data is shown.
    pub reveal: Reveal,
}

/// What a triage has seen.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Messages that were scanned.
    pub scanned: u64,
    /// Messages that the queue counts and that were not seen.
    pub not_seen: u64,
    /// Whether it was stopped before its end.
    pub stopped: Stopped,
    /// Messages that a filter could not decide about.
    pub undecided: Undecided,
    /// Whether it stopped at the limit, so that there may be more.
    pub truncated: bool,
    /// Whether it saw every message there is.
    pub is_whole: bool,
}

/// Gathers what a triage tells.
pub struct Triage {
    options: TriageOptions,
    groups: BTreeMap<String, (Cause, Group)>,
    oldest: Option<Timestamp>,
    matched: u64,
}

impl Triage {
    /// A triage without messages.
    pub fn new(options: TriageOptions) -> Self {
        Self { options, groups: BTreeMap::new(), oldest: None, matched: 0 }
    }

    /// Messages that were added.
    pub fn matched(&self) -> u64 {
        self.matched
    }

    /// Adds a message.
    pub fn add(&mut self, message: &Message) {
        self.matched += 1;
        self.oldest = self.oldest.into_iter().chain(message.sent_at()).min();
        let cause = Cause::of(message);
        let key = match &self.options.group_by {
            None => cause.reason(),
            Some(jq) => jq.run(&view(message).to_string()).unwrap_or_else(|error| format!("({error})")),
        };
        let reveal = self.options.reveal;
        let (_, group) = self.groups.entry(key).or_insert_with(|| {
            let group = Group::new(&cause, message, reveal);
            (cause.clone(), group)
        });
        group.joined(&cause, message);
        let most = self.options.max_replays;
        group.replayed_too_often += u64::from(message.replays().is_none_or(|count| count >= most));
        if self.options.contract.applies(message, &message.body) {
            group.validated += 1;
            group.valid += u64::from(would_be_read(&message.body).is_ok());
        }
    }

    /// The report; `facts` are those of the queue, where the source is one.
    pub fn report(self, source: String, facts: Option<&Facts>, seen: Seen, now: Timestamp) -> TriageReport {
        let oldest = self.oldest.and_then(|at| Duration::try_from(now.duration_since(at)).ok());
        let expires = oldest.and_then(|oldest| Some(facts?.retention?.saturating_sub(oldest)));
        let mut groups: Vec<_> = self.groups.into_iter().collect();
        groups.sort_by(|(one_key, (_, one)), (other_key, (_, other))| {
            (other.count, one_key).cmp(&(one.count, other_key))
        });
        let reasons: Vec<_> = groups.iter().map(|(reason, _)| reason.clone()).collect();
        let groups = groups.into_iter().enumerate();
        let Seen { scanned, not_seen, stopped, undecided, truncated, is_whole: saw_all } = seen;
        let groups = groups.map(|(at, (key, (cause, group)))| {
            let is_whole = saw_all && group.count == scanned;
            let is_shared = reasons.iter().any(|reason| reason.split_once(':').is_some_and(|(word, _)| word == key));
            let told = match &cause {
                _ if is_shared => Told::ByNothing,
                cause if cause.is_told_by_attributes() => Told::ByAttributes,
                _ => Told::ByBodies,
            };
            self.options.finished(at, &key, &cause, group, (told, is_whole))
        });
        let groups = groups.collect();
        TriageReport {
            source,
            visible: facts.map(|facts| facts.depth.visible),
            in_flight: facts.map(|facts| facts.depth.in_flight),
            delayed: facts.map(|facts| facts.depth.delayed),
            scanned,
            matched: self.matched,
            undecided,
            not_seen,
            stopped,
            truncated,
            is_whole: saw_all,
            oldest_seconds: oldest.map(|oldest| oldest.as_secs()),
            first_expires_in_seconds: expires.map(|expires| expires.as_secs()),
            warnings: warnings(facts, self.options.incomplete),
            groups,
            max_replays: self.options.max_replays,
            fifo: self.options.fifo,
        }
    }
}

impl TriageOptions {
    /// The group with its verdict: what the contract says now counts more than what was said when the message failed.
    fn finished(&self, at: usize, key: &str, cause: &Cause, mut group: Group, (told, is_whole): (Told, bool)) -> Group {
        let by_the_body = matches!(cause, Cause::Consumer { reason, .. } if !reason.contains("violation"));
        group.verdict = match group.verdict {
            _ if group.replayed_too_often == group.count => Verdict::DoNotReplay,
            _ if group.validated == group.count && group.valid == group.count && by_the_body => Verdict::ReplayAsIs,
            verdict => verdict,
        };
        // jq cannot change what is not JSON: the bodies are pulled, edited and replayed from the file.
        let needs_editor = group.reason == "malformed_envelope";
        let member = match &self.group_by {
            None => Member::Of(group.reason.clone()),
            // The result of the expression is JSON, which is jq too, and a fault is not.
            Some(_) if is_fault(key) || (self.reveal == Reveal::Nothing && !is_plain(key)) => Member::Untold,
            Some(jq) => Member::Where(format!("{} == {key}", in_parentheses(jq.text()))),
        };
        let wanted = Wanted {
            member,
            told,
            count: group.count,
            ids: &group.ids,
            is_whole_file: is_whole,
            verdict: group.verdict,
            sample_id: &group.sample_id,
            to: &group.to,
            needs_editor,
        };
        group.next = next(&self.triaged, &self.typed, &wanted);
        if self.group_by.is_some() {
            group.reason = value(at, key, self.reveal);
        }
        group
    }
}

fn warnings(facts: Option<&Facts>, incomplete: Option<String>) -> Vec<String> {
    let mut warnings = Vec::from_iter(incomplete);
    if let Some(most) = facts.and_then(|facts| facts.max_receives) {
        warnings.push(format!(
            "this queue has a redrive policy: each scan counts as a receive, and SQS moves a message after {most} of them"
        ));
    }
    warnings
}

impl Report for TriageReport {
    fn text(&self, style: Style) -> String {
        let mut out = String::new();
        // Writing to a String does not fail.
        let _ = self.write(&mut out, style);
        out
    }
}

impl TriageReport {
    fn write(&self, out: &mut String, style: Style) -> std::fmt::Result {
        writeln!(out, "{}", self.source)?;
        let seconds = |seconds: u64| age(Duration::from_secs(seconds));
        match self.visible {
            Some(visible) => write!(out, "{}", depth(visible, self.in_flight.unwrap_or(0), self.delayed.unwrap_or(0)))?,
            None if self.is_whole => write!(out, "{}", messages(self.scanned))?,
            None => write!(out, "read as far as {}", messages(self.scanned))?,
        }
        if let Some(oldest) = self.oldest_seconds {
            write!(out, ", the oldest {} old", seconds(oldest))?;
        }
        if let Some(expires) = self.first_expires_in_seconds {
            write!(out, ", the first expires in {}", seconds(expires))?;
        }
        writeln!(out, "\n{}", scanned(self.scanned, self.matched))?;
        for warning in &self.warnings {
            writeln!(out, "{} {warning}", style.warning("note:"))?;
        }
        if let Some(text) = self.stopped.text(self.scanned) {
            writeln!(out, "{} {text}", style.warning("note:"))?;
        }
        if self.truncated {
            writeln!(out, "{} {}", style.warning("note:"), stopped_at(self.matched))?;
        }
        for text in undecided(self.undecided) {
            writeln!(out, "{} {text}", style.warning("note:"))?;
        }
        if self.not_seen > 0 {
            writeln!(out, "{} {}", style.warning("note:"), not_seen(self.not_seen, self.fifo))?;
        }
        let most = self.groups.first().map_or(1, |group| group.count);
        let mut rows = table(&["reason", "messages", "", "verdict"]);
        for group in &self.groups {
            let verdict = group.verdict.text();
            rows.add_row([&group.reason, &grouped(group.count), &bar(group.count, most), verdict]);
        }
        if !self.groups.is_empty() {
            write!(out, "\n{}", lines(&rows))?;
        }
        for group in &self.groups {
            group.write(out, style, self.max_replays)?;
        }
        Ok(())
    }
}
