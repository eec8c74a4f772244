//! `triage`: what is in a queue, by reason, and what to do about each group.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    report::masking::{self as mask, Reveal},
    report::output::{Report, Style, age, bar, grouped, lines, messages, quoted, table},
    rules::cause::{Cause, Verdict, would_be_read},
    rules::decide::MAX_REPLAYS,
    sqs::address::QueueAddress,
    sqs::message::Message,
    sqs::queue::Facts,
};

/// Longest sample, in characters.
const SAMPLE: usize = 320;

/// What is in a queue.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TriageReport {
    /// The queue.
    pub queue: QueueAddress,
    /// Messages that can be received, as SQS estimates.
    pub visible: u64,
    /// Messages that somebody holds, as SQS estimates.
    pub in_flight: u64,
    /// Messages that were looked at.
    pub looked_at: u64,
    /// Messages of those that the filters meant.
    pub meant: u64,
    /// Seconds since the oldest of them was sent.
    pub oldest_seconds: Option<u64>,
    /// Seconds until the first of them expires.
    pub first_expires_in_seconds: Option<u64>,
    /// What should be known before acting.
    pub warnings: Vec<String>,
    /// The groups, the largest first.
    pub groups: Vec<Group>,
}

/// Messages with the same reason.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Group {
    /// The reason; `--reason` takes it.
    pub reason: String,
    /// A sentence about it, from one of the messages.
    pub detail: String,
    /// How many there are.
    pub count: u64,
    /// How many bodies the consumer's contract would read now; none unless it was asked.
    pub would_be_read: Option<u64>,
    /// How many have been replayed so often that the loop guard refuses them.
    pub replayed_too_often: u64,
    /// What to do.
    pub verdict: Verdict,
    /// What to type next.
    pub next: String,
    /// The id of the message that the sample shows.
    pub sample_id: String,
    /// One body, masked unless revealed.
    pub sample: String,
    #[serde(skip)]
    target: Option<String>,
}

/// Gathers what a triage tells.
pub struct Triage {
    groups: BTreeMap<String, (Cause, Group)>,
    oldest: Option<Timestamp>,
    looked_at: u64,
    parse: bool,
    reveal: Reveal,
}

impl Triage {
    /// `parse` asks the consumer's contract about each body.
    pub fn new(parse: bool, reveal: Reveal) -> Self {
        Self { groups: BTreeMap::new(), oldest: None, looked_at: 0, parse, reveal }
    }

    /// Messages that were looked at so far.
    pub fn looked_at(&self) -> u64 {
        self.looked_at
    }

    /// Counts a message that the filters do not mean.
    pub fn pass(&mut self) {
        self.looked_at += 1;
    }

    /// Adds a message.
    pub fn add(&mut self, message: &Message) {
        self.looked_at += 1;
        self.oldest = self.oldest.into_iter().chain(message.sent_at()).min();
        let cause = Cause::of(message);
        let (_, group) = self.groups.entry(cause.reason()).or_insert_with(|| {
            let group = new_group(&cause, message, self.reveal);
            (cause, group)
        });
        group.count += 1;
        group.replayed_too_often += u64::from(message.replays().is_none_or(|count| count >= MAX_REPLAYS));
        if self.parse {
            let read = u64::from(would_be_read(&message.body).is_ok());
            group.would_be_read = Some(group.would_be_read.unwrap_or(0) + read);
        }
    }

    /// The report.
    pub fn report(self, queue: QueueAddress, facts: &Facts, now: Timestamp) -> TriageReport {
        let oldest = self.oldest.and_then(|at| Duration::try_from(now.duration_since(at)).ok());
        let expires = oldest.and_then(|oldest| Some(facts.retention?.saturating_sub(oldest)));
        let mut groups: Vec<_> =
            self.groups.into_values().map(|(cause, group)| judged(&cause, group, &queue)).collect();
        groups.sort_by(|one, other| (other.count, &one.reason).cmp(&(one.count, &other.reason)));
        TriageReport {
            visible: facts.depth.visible,
            in_flight: facts.depth.in_flight,
            looked_at: self.looked_at,
            meant: groups.iter().map(|group| group.count).sum(),
            oldest_seconds: oldest.map(|oldest| oldest.as_secs()),
            first_expires_in_seconds: expires.map(|expires| expires.as_secs()),
            warnings: warnings(&queue, facts, self.looked_at),
            queue,
            groups,
        }
    }
}

fn new_group(cause: &Cause, message: &Message, reveal: Reveal) -> Group {
    Group {
        reason: cause.reason(),
        detail: cause.detail(),
        count: 0,
        would_be_read: None,
        replayed_too_often: 0,
        verdict: cause.verdict(),
        next: String::new(),
        sample_id: message.id.clone(),
        sample: mask::body(&message.body, reveal).chars().take(SAMPLE).collect(),
        target: cause.target_queue().map(str::to_owned),
    }
}

/// The group with its verdict: what the real code says now counts more than what was said when the message failed.
fn judged(cause: &Cause, mut group: Group, queue: &QueueAddress) -> Group {
    let by_the_body = matches!(cause, Cause::Consumer { reason, .. } if !reason.contains("violation"));
    group.verdict = match group.would_be_read {
        _ if group.replayed_too_often == group.count => Verdict::DoNotReplay,
        Some(read) if read == group.count && by_the_body => Verdict::ReplayAsIs,
        _ => group.verdict,
    };
    let (name, reason) = (quoted(&queue.name), quoted(&group.reason));
    let to = group.target.as_ref().map(|arn| format!(" --to {}", quoted(arn))).unwrap_or_default();
    group.next = match group.verdict {
        Verdict::ReplayAsIs => format!("dlq-replayer replay {name} --reason {reason}{to}"),
        Verdict::NeedsAFix if group.target.is_some() => format!("dlq-replayer replay {name} --reason {reason}{to}"),
        // A body that is not JSON can only be mended by hand: export, mend, import.
        Verdict::NeedsAFix if group.reason == "malformed_envelope" => {
            format!("dlq-replayer export {name} letters.ndjson --reason {reason}")
        }
        Verdict::NeedsAFix => format!("dlq-replayer replay {name} --reason {reason} --edit '<jq>'"),
        Verdict::DoNotReplay => format!("dlq-replayer move {name} --reason {reason} --to <quarantine>"),
    };
    group
}

fn warnings(queue: &QueueAddress, facts: &Facts, looked_at: u64) -> Vec<String> {
    let mut warnings = Vec::new();
    if facts.redrive_policy.is_some() {
        let text =
            "this queue has a redrive policy of its own: each look counts as a receive, and too many move a message on";
        warnings.push(text.to_owned());
    }
    if facts.depth.in_flight > 0 {
        warnings.push(format!("{} held by somebody else and not seen here", messages(facts.depth.in_flight)));
    }
    if queue.is_fifo() && looked_at < facts.depth.visible {
        warnings.push("a FIFO queue shows only the first messages of each group until they are deleted".to_owned());
    } else if looked_at < facts.depth.visible {
        warnings.push(format!("only {} were looked at; see more with --most", messages(looked_at)));
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
        let QueueAddress { name, region, account, .. } = &self.queue;
        writeln!(out, "{name} ({region}, {account})")?;
        let seconds = |seconds: u64| age(Duration::from_secs(seconds));
        write!(out, "{}", messages(self.visible))?;
        if let Some(oldest) = self.oldest_seconds {
            write!(out, ", the oldest {} old", seconds(oldest))?;
        }
        if let Some(expires) = self.first_expires_in_seconds {
            write!(out, ", the first expires in {}", seconds(expires))?;
        }
        writeln!(out, "\n{} looked at, {} meant", grouped(self.looked_at), grouped(self.meant))?;
        for warning in &self.warnings {
            writeln!(out, "{} {warning}", style.warning("note:"))?;
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
            group.write(out, style)?;
        }
        Ok(())
    }
}

impl Group {
    fn write(&self, out: &mut String, style: Style) -> std::fmt::Result {
        let verdict = match self.verdict {
            Verdict::ReplayAsIs => style.good(self.verdict.text()),
            Verdict::NeedsAFix => style.warning(self.verdict.text()),
            Verdict::DoNotReplay => style.bad(self.verdict.text()),
        };
        writeln!(out, "\n{}: {}, {verdict}", self.reason, messages(self.count))?;
        writeln!(out, "  why     {}", self.detail)?;
        if let Some(read) = self.would_be_read {
            writeln!(out, "  now     {} of {} would be read by the contract", grouped(read), grouped(self.count))?;
        }
        if self.replayed_too_often > 0 {
            writeln!(out, "  loop    {} replayed {MAX_REPLAYS} times or more", messages(self.replayed_too_often))?;
        }
        writeln!(out, "  sample  {} {}", self.sample_id, self.sample)?;
        writeln!(out, "  next    {}", self.next)
    }
}
