//! A night with rollcall's own dead-letter queue: from a thousand messages to none.

use anyhow::{Context, ensure};
use sqlx::{PgPool, Row};
use uuid::Uuid;

use super::{
    DEALT_WITH, Scene, Story,
    poison::{KINDS, Users},
};
use crate::wait;

/// The fix of names that are too long for the table: as much of them as it allows.
const FIX: &str = ".detail.data.first_name |= .[:40]";

/// The editor that repairs the broken bodies; any other would do.
const EDITOR: &str = "sed -i 's/,}/}/'";

/// Messages that are sent first where it is uncertain whether a replay helps.
const CANARY: &str = "5";

impl Story<'_> {
    /// Looks, fixes, repairs, tries, and clears the rest away.
    pub(super) async fn ours(&mut self, poison: usize) -> anyhow::Result<()> {
        self.put_rules().await?;
        let users = self.put_poison(poison).await?;
        let dlq = name_of(&self.stack.outputs.dlq_url);
        let seen = self.scene("What is there, and why?", &["triage", &dlq], 0)?;
        ensure!(seen.matches(": ").count() >= KINDS, "five kinds: {seen}");
        ensure!(seen.contains(&format!("{0} messages scanned, {0} matched", grouped(poison))), "all of them: {seen}");
        self.fix(&dlq, &users).await?;
        self.repair(&dlq, &users).await?;
        self.try_again(&dlq, poison / KINDS * (KINDS - 2)).await?;
        self.clear_away(&dlq).await
    }

    /// One jq expression for all messages of one kind.
    async fn fix(&mut self, dlq: &str, users: &Users) -> anyhow::Result<()> {
        let fix = ["replay", dlq, "--reason", "check_violation", "--edit", FIX];
        let seen = self.scene("One kind can be fixed with jq. What would the fix do?", &fix, 0)?;
        ensure!(seen.contains("+       \"first_name\": \"‹40 characters›\""), "a diff: {seen}");
        let execute = [&fix[..], &["--canary", CANARY, "--execute", "--yes"]].concat();
        let seen =
            self.scene("The diff is right. Send five first, and the rest only if those do not return.", &execute, 0)?;
        let all = users.long_names.len();
        ensure!(seen.contains(&format!("{all} messages sent")), "{all} sent: {seen}");
        self.rows(&users.long_names).await
    }

    /// Bodies that are not JSON: pulled into a file, edited, and replayed from it.
    async fn repair(&mut self, dlq: &str, users: &Users) -> anyhow::Result<()> {
        let file = "letters.ndjson";
        let pull = ["pull", dlq, file, "--reason", "malformed_envelope"];
        self.scene("jq cannot change what is not JSON. Pull these messages into a file.", &pull, 0)?;
        let seen = self.scene("The same commands work on the file.", &["triage", file], 0)?;
        let id = word_after(&seen, "sample").context("a sample")?;
        self.scene("What is wrong with them?", &["show", file, &id, "--reveal"], 0)?;
        let edit = ["edit", file];
        let why =
            "There is an extra comma. Open the bodies in an editor (this one removes the comma from all of them).";
        let seen = self.scene_with(why, Some(EDITOR), &edit, 0)?;
        let all = users.broken.len();
        ensure!(seen.contains(&format!("{all} messages changed")), "{all} changed: {seen}");
        let seen = self.scene("Would the consumer read them now?", &["triage", file], 0)?;
        ensure!(seen.contains(&format!("{all} of {all} match rollcall's contract")), "all valid: {seen}");
        let replay = ["replay", dlq, "--from", file, "--execute", "--yes"];
        let seen = self.scene("Send the edited bodies, and remove exactly those messages.", &replay, 0)?;
        ensure!(seen.contains(&format!("{all} messages sent")), "{all} sent: {seen}");
        self.rows(&users.broken).await
    }

    /// Messages that fail again, and what keeps them from going round in circles. `left` is how many there are in the queue.
    async fn try_again(&mut self, dlq: &str, left: usize) -> anyhow::Result<()> {
        let unfixable = ["replay", dlq, "--reason", "unsupported_version", "--contract", "none", "--max-replays", "1"];
        let first = [&unfixable[..], &["--canary", CANARY, "--execute", "--yes"]].concat();
        let why = "Version 9 cannot be fixed here. Would a replay work anyway? Send five first.";
        let seen = self.scene(why, &first, 5)?;
        ensure!(seen.contains("5 messages sent") && seen.contains("5 messages returned"), "the canary: {seen}");
        wait::until("they have returned", DEALT_WITH, async || {
            Ok((self.total(&self.stack.outputs.dlq_url).await? == left).then_some(()))
        })
        .await?;
        let second = [&unfixable[..], &["--attribute", "replay_count=1", "--execute", "--yes"]].concat();
        let why = "No: all five came back, and the rest was not sent. A second replay of the same messages is refused.";
        let seen = self.scene(why, &second, 4)?;
        ensure!(seen.contains("5 messages refused: replayed_too_often"), "the loop guard: {seen}");
        let run = word_after(&seen, "run").context("a run")?;
        self.scene("Which messages were those? The journal of the run has all of them.", &["history", &run], 0)?;
        Ok(())
    }

    /// What cannot be replayed leaves the queue without being lost.
    async fn clear_away(&mut self, dlq: &str) -> anyhow::Result<()> {
        let (_, quarantine) = self.create("quarantine", None).await?;
        let reasons = ["--reason", "unsupported_version", "--reason", "wrong_detail_type"];
        let away = [&["move", dlq, "--to", &quarantine][..], &reasons, &["--execute", "--yes"]].concat();
        let seen = self.scene("Move what no edit can fix to another queue.", &away, 0)?;
        ensure!(seen.contains("messages moved"), "moved: {seen}");
        let purge = ["purge", dlq, "--archive", "same-address.ndjson", "--execute", "--yes"];
        let why = "The rest has an address that another user has already, so the application's team must decide. Archive these messages, and delete them from the queue.";
        let seen = self.scene(why, &purge, 0)?;
        ensure!(seen.contains("messages archived"), "archived: {seen}");
        self.scene("Is anything left?", &["triage", dlq], 3)?;
        Ok(())
    }

    /// Every one of these users has exactly one row.
    async fn rows(&mut self, subs: &[Uuid]) -> anyhow::Result<()> {
        let pool = PgPool::connect(&self.stack.database_url).await?;
        let sql = "select count(*), count(distinct cognito_sub) from users where cognito_sub = any($1)";
        let wanted = i64::try_from(subs.len())?;
        let (rows, users) = wait::until("every user has a row", DEALT_WITH, async || {
            let row = sqlx::query(sql).bind(subs).fetch_one(&pool).await?;
            let counts: (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok((counts.1 == wanted).then_some(counts))
        })
        .await?;
        ensure!(rows == users, "exactly one row each");
        let output = format!("{rows} rows for {users} users of {wanted}\n");
        let why = "Does each of these users have exactly one row now?".to_owned();
        (self.tell)(&Scene { why, command: format!("psql -c '{sql}'"), output, code: 0 });
        Ok(())
    }
}

fn name_of(url: &str) -> String {
    url.rsplit('/').next().unwrap_or(url).to_owned()
}

/// The word that stands behind another one at the beginning of a line, such as the id behind `sample`.
fn word_after(text: &str, first: &str) -> Option<String> {
    let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found = words.into_iter().find(|words| words.first() == Some(&first));
    found.and_then(|words| Some(words.get(1)?.trim_end_matches(',').to_owned()))
}

/// A number below a million as the replayer writes it.
fn grouped(count: usize) -> String {
    if count < 1_000 { count.to_string() } else { format!("{},{:03}", count / 1_000, count % 1_000) }
}
