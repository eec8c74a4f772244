//! What a run has done, for the operator who started it.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    canary::{CanaryEnd, CanaryOutcome},
    counts::{Counts, Named, Unusable},
    exit::Exit,
    output::{Report, Style, grouped, messages, scanned},
};
use crate::{journal::record::FAILED, rules::select::Undecided, sqs::queue_argument::is_fifo};

/// Ids that are shown as text; `--json` has more, and `history RUN` all of them.
pub(super) const SHOWN_IDS: usize = 10;

/// What a run has done.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunReport {
    /// The run's name, for `--resume` and `history`.
    pub run: String,
    /// The command, such as `replay`.
    pub command: String,
    /// The queue or file that it read.
    pub from: String,
    /// Where it sent to.
    pub destination: String,
    /// How it ended.
    pub outcome: String,
    /// Messages that were not scanned because the run stopped, by the count at its start.
    pub not_scanned: u64,
    /// The numbers.
    pub counts: Counts,
    /// Messages of the canary that were sent, when there were fewer than it was to have.
    pub canary_sent: Option<u64>,
    /// What became of the canary, when the run has waited for it.
    pub canary: Option<CanaryOutcome>,
    /// The first refusals, with what to do.
    pub refusals: Vec<Refused>,
    /// The most that a run takes, where that was said.
    #[serde(skip)]
    pub limit: Option<u64>,
    /// The journal.
    pub journal: String,
}

/// A message that was refused.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Refused {
    /// Its id.
    pub id: String,
    /// Why.
    pub why: String,
}

/// How a run ended, in words.
pub fn outcome(exit: Exit, canary: Option<CanaryEnd>) -> &'static str {
    match canary {
        Some(CanaryEnd::Returned) => return "stopped: the canary returned",
        Some(CanaryEnd::Unsettled) => return "stopped: the canary did not settle in time",
        None => {}
    }
    match exit {
        Exit::Done => "done",
        Exit::Error | Exit::Usage | Exit::ReaderGone => FAILED,
        Exit::NothingMatched => "no message matched",
        Exit::Partly => "partly done",
        Exit::Breaker => "circuit breaker opened: too many messages returned",
        Exit::Interrupted => "interrupted",
    }
}

/// What a command does to a message that it sends.
pub(super) fn done(command: &str) -> &'static str {
    match command {
        "move" => "moved",
        "purge" => "archived",
        "import" => "imported",
        "pull" | "export" => "written",
        _ => "sent",
    }
}

/// What becomes of a message that an earlier run has sent.
pub(super) fn finished(command: &str) -> &'static str {
    match command {
        "import" => "left out because an earlier run had already imported them",
        _ => "deleted because an earlier run had already sent them",
    }
}

impl RunReport {
    /// The command that goes on with what the run has left.
    fn next_command(&self) -> String {
        match &*self.command {
            // Its archive exists, so that the same command would be refused.
            "purge" => format!("`dlq-replayer purge {} --resume {} --execute`", self.from, self.run),
            _ => "the same command".to_owned(),
        }
    }

    /// What happens when the run goes on.
    fn goes_on(&self) -> String {
        match self.limit {
            // The limit is that of one run, and what was sent before does not count.
            Some(limit) => format!(
                "{} takes up to {} more {}",
                self.next_command(),
                grouped(limit),
                if limit == 1 { "message" } else { "messages" }
            ),
            None => format!("{} goes on with what is left", self.next_command()),
        }
    }

    /// What is not lost, whatever has stopped the run.
    pub fn safe(&self) -> &'static str {
        match &*self.command {
            "purge" => "only messages that are in the archive were deleted",
            "import" => "the file is unchanged",
            _ => "what was not sent is still in the queue",
        }
    }

    /// What to do when the run was stopped by something that is over.
    pub fn then(&self) -> String {
        match &*self.command {
            "purge" => format!("then run {}", self.next_command()),
            _ => "then run the same command again: it goes on with what is left".to_owned(),
        }
    }

    fn write(&self, out: &mut String, style: Style) -> std::fmt::Result {
        let Counts { sent, quarantined, deleted, returned, left_for_order, .. } = self.counts;
        let paint = if self.outcome == "done" { style.good(&self.outcome) } else { style.warning(&self.outcome) };
        writeln!(out, "{}: {paint}\nfrom {}\nto   {}\n", self.command, self.from, self.destination)?;
        writeln!(out, "{}", scanned(self.counts.scanned, self.counts.matched))?;
        writeln!(out, "{} {}", messages(sent), done(&self.command))?;
        if self.counts.sent_to.len() > 1 {
            self.counts.sent_to.iter().try_for_each(|(to, count)| writeln!(out, "  {} to {to}", messages(*count)))?;
        }
        for (count, what) in [
            (quarantined, "moved to quarantine"),
            (deleted, "deleted after confirmation"),
            (self.counts.finished_for_earlier_run, finished(&self.command)),
            (returned, "returned during the run"),
            (self.counts.left_by_the_end(), "left because the run stopped"),
            (self.not_scanned, "not scanned because the run stopped"),
            (left_for_order, "left to keep the order of their group"),
            (self.counts.arrived_later, "left because they exceed the count at the start of the run"),
        ] {
            if count > 0 {
                writeln!(out, "{} {what}", messages(count))?;
            }
        }
        for (word, count) in &self.counts.refused {
            writeln!(out, "{} {}: {word}", messages(*count), style.warning("refused"))?;
        }
        for (code, count) in &self.counts.failed {
            writeln!(out, "{} {}: {code}", messages(*count), style.bad("not accepted by the destination"))?;
        }
        self.refusals.iter().try_for_each(|Refused { id, why }| writeln!(out, "  {id}: {why}"))?;
        let refused: u64 = self.counts.refused.values().sum();
        self.write_more(out, refused.saturating_sub(self.refusals.len() as u64))?;
        self.write_named(out)?;
        self.write_notes(out, style)?;
        writeln!(out, "\nrun {}, journal {}", self.run, self.journal)
    }

    /// Messages that an operator has to know by id.
    fn write_named(&self, out: &mut String) -> std::fmt::Result {
        let unconfirmed = match self.command.as_str() {
            "import" => "unconfirmed: the destination may have them, and they are still in the file",
            _ => "unconfirmed: the destination may have them, and they are still in the dead-letter queue",
        };
        for (named, what) in [
            (
                &self.counts.not_deleted,
                "sent and not deleted; the next run of this queue deletes them and does not send them again",
            ),
            (&self.counts.unconfirmed, unconfirmed),
            (
                &self.counts.possible_duplicates,
                "sent again after an unconfirmed send: the destination may have them twice",
            ),
            (&self.counts.not_in_queue, "of the file not found in the queue"),
        ] {
            let Named { count, ids } = named;
            if *count == 0 {
                continue;
            }
            writeln!(out, "{} {what}", messages(*count))?;
            ids.iter().take(SHOWN_IDS).try_for_each(|id| writeln!(out, "  {id}"))?;
            self.write_more(out, count.saturating_sub(SHOWN_IDS as u64))?;
        }
        Ok(())
    }

    /// Says where the messages are named that are not named here.
    fn write_more(&self, out: &mut String, more: u64) -> std::fmt::Result {
        if more > 0 {
            writeln!(out, "  and {} more: dlq-replayer history {}", grouped(more), self.run)?;
        }
        Ok(())
    }

    fn write_notes(&self, out: &mut String, style: Style) -> std::fmt::Result {
        let note = style.warning("note:");
        for (queue, Unusable { messages: count, why }) in &self.counts.unusable {
            writeln!(out, "{note} {} left because {queue} cannot be used: {why}", messages(*count))?;
        }
        for (source, count) in &self.counts.from_other_source {
            writeln!(out, "{note} {} came from another queue, {source}", messages(*count))?;
        }
        for (rule, count) in &self.counts.rules {
            writeln!(out, "{note} {} went to every target of rule {rule} again", messages(*count))?;
        }
        if let Some(sent) = self.canary_sent {
            let fewer = "fewer than the canary asks for, so the run did not wait to see what became of them";
            writeln!(out, "{note} {} sent, {fewer}", messages(sent))?;
        }
        if let Some(text) = self.canary.map(|canary| self.told(canary)) {
            writeln!(out, "{note} {text}")?;
        }
        if self.outcome == outcome(Exit::Interrupted, None) {
            writeln!(out, "{note} {}", self.goes_on())?;
        }
        for text in undecided(self.counts.undecided) {
            writeln!(out, "{note} {text}")?;
        }
        if self.counts.not_seen > 0 {
            writeln!(out, "{note} {}", not_seen(self.counts.not_seen, is_fifo(&self.from)))?;
        }
        Ok(())
    }
}

/// What it means that a filter could not decide about messages.
pub fn undecided(undecided: Undecided) -> Vec<String> {
    let Undecided { expression_fails, without_time } = undecided;
    let fails = format!("the expression fails on {}, which therefore do not match", messages(expression_fails));
    let untimed = format!("{} without a time of sending, which no age filter matches", messages(without_time));
    [(expression_fails, fails), (without_time, untimed)]
        .into_iter()
        .filter_map(|(count, text)| (count > 0).then_some(text))
        .collect()
}

/// What it means that a command stopped at `-n`.
pub fn stopped_at(limit: u64) -> String {
    format!("stopped at {}, and there may be more; `-n` sets the limit", messages(limit))
}

/// What it means that a queue counts messages that were not seen, and what to do.
pub fn not_seen(count: u64, fifo: bool) -> String {
    let why = if fifo {
        "a FIFO queue delivers the next messages of a group only after the earlier ones are deleted; `replay`, `move` and `purge` can reach all of them"
    } else {
        "another receiver has them, or too many are in flight: run the command again when they are visible"
    };
    format!("{} not seen; {why}", messages(count))
}

impl Report for RunReport {
    fn text(&self, style: Style) -> String {
        let mut out = String::new();
        // Writing to a String does not fail.
        let _ = self.write(&mut out, style);
        out
    }
}
