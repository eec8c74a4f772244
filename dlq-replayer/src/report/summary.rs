//! What a run has done, for the person who started it.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    report::counts::{Listed, Tally},
    report::exit::Exit,
    report::output::{Report, Style, messages},
};

/// Ids that are shown as text; `--json` and the journal have more.
const SHOWN_IDS: usize = 10;

/// What a run has done.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunReport {
    /// The run's name, for `--resume`.
    pub run: String,
    /// The command, such as `replay`.
    pub command: String,
    /// The queue or file it read.
    pub from: String,
    /// Where it sent to.
    pub destination: String,
    /// How it ended.
    pub outcome: String,
    /// The numbers.
    pub tally: Tally,
    /// The first refusals, with what to do.
    pub refusals: Vec<Refused>,
    /// The journal.
    pub journal: String,
    /// Messages in the queue that somebody else holds, at the end.
    pub held_by_others: u64,
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
pub fn outcome(exit: Exit) -> &'static str {
    match exit {
        Exit::Done => "done",
        Exit::Error | Exit::Usage => "stopped by an error",
        Exit::NothingMatched => "nothing matched",
        Exit::Partly => "partly done",
        Exit::Breaker => "stopped by the breaker: too many messages came back",
        Exit::Interrupted => "interrupted",
    }
}

impl RunReport {
    fn write(&self, out: &mut String, style: Style) -> std::fmt::Result {
        let Tally { looked_at, sent, quarantined, deleted, bounced, left_for_order, .. } = self.tally;
        let paint = if self.outcome == "done" { style.good(&self.outcome) } else { style.warning(&self.outcome) };
        writeln!(out, "{}: {paint}\nfrom {}\nto   {}\n", self.command, self.from, self.destination)?;
        for (count, what) in [
            (looked_at, "looked at"),
            (sent, "sent"),
            (quarantined, "moved to quarantine"),
            (deleted, "deleted after they were confirmed"),
            (self.tally.finished_for_earlier_run, "deleted that an earlier run had sent"),
            (bounced, "came back during the run"),
            (left_for_order, "left to keep their group's order"),
        ] {
            if count > 0 || what == "looked at" || what == "sent" {
                writeln!(out, "{} {what}", messages(count))?;
            }
        }
        for (word, count) in &self.tally.refused {
            writeln!(out, "{} {}: {word}", messages(*count), style.warning("refused"))?;
        }
        for (code, count) in &self.tally.failed {
            writeln!(out, "{} {}: {code}", messages(*count), style.bad("not taken by the destination"))?;
        }
        self.write_doubts(out)?;
        for Refused { id, why } in &self.refusals {
            writeln!(out, "  {id}: {why}")?;
        }
        if self.held_by_others > 0 {
            let held = messages(self.held_by_others);
            writeln!(out, "{held} held by somebody else and not seen; run it again when they are visible")?;
        }
        writeln!(out, "\nrun {}, journal {}", self.run, self.journal)
    }

    /// What cannot be known, by id.
    fn write_doubts(&self, out: &mut String) -> std::fmt::Result {
        for (listed, what) in [
            (&self.tally.not_deleted, "sent and not deleted; `--resume` deletes them and sends nothing twice"),
            (&self.tally.unknown, "sent without an answer: the destination may have them, and they are still here"),
            (
                &self.tally.perhaps_twice,
                "sent again after a send without an answer: the destination may have them twice",
            ),
        ] {
            let Listed { count, ids } = listed;
            if *count > 0 {
                writeln!(out, "{} {what}", messages(*count))?;
                ids.iter().take(SHOWN_IDS).try_for_each(|id| writeln!(out, "  {id}"))?;
            }
            if ids.len() > SHOWN_IDS {
                writeln!(out, "  and more: see them with --json")?;
            }
        }
        Ok(())
    }
}

impl Report for RunReport {
    fn text(&self, style: Style) -> String {
        let mut out = String::new();
        // Writing to a String does not fail.
        let _ = self.write(&mut out, style);
        out
    }
}
