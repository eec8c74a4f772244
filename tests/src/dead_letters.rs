//! The story of the dead letters: the real consumer gives up messages of five kinds, and a person with the replayer
//! finds out why, fixes what can be fixed, and puts the rest out of the way. Then the same with a queue that is not ours.
//!
//! One telling for the tests, the demo, and the transcript in `docs/runbook.md`.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, ensure};
use aws_sdk_sqs::{
    Client,
    primitives::Blob,
    types::{MessageAttributeValue, QueueAttributeName},
};
use serde::Serialize;
use serde_json::json;
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::{
    Stack,
    clients::Clients,
    queues::{depth, send},
    replayer::Replayer,
    wait,
};

/// Longest wait until the consumer has dealt with what it was sent.
const DEALT_WITH: Duration = Duration::from_mins(2);

/// Kinds of poison.
const KINDS: usize = 5;

/// The mend of the one kind that can be mended: an unknown name is null, and not empty.
const FIX: &str = r#".detail.data.first_name |= (if . == "" then null else . end)"#;

/// One command of the story, or one look at the database.
#[derive(Clone, Debug, Serialize)]
pub struct Scene {
    /// What the person thinks.
    pub why: String,
    /// What was typed.
    pub command: String,
    /// What was seen.
    pub output: String,
    /// The exit code.
    pub code: i32,
}

/// A stage: a stack, a person, and everyone who is told what happens.
pub struct Story<'a> {
    stack: &'a Stack,
    sqs: Client,
    replayer: Replayer,
    tell: &'a mut dyn FnMut(&Scene),
}

impl<'a> Story<'a> {
    /// A story on a stack that nobody else uses.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn new(stack: &'a Stack, tell: &'a mut dyn FnMut(&Scene)) -> anyhow::Result<Self> {
        let replayer = Replayer::new(&stack.aws_endpoint, stack.region);
        Ok(Self { stack, sqs: Clients::of(stack)?.sqs, replayer, tell })
    }

    /// Tells everything, with `poison` messages.
    ///
    /// # Errors
    ///
    /// Something did not happen as it must.
    pub async fn tell(&mut self, poison: usize) -> anyhow::Result<()> {
        let fixable = self.put_poison(poison).await?;
        self.ours(&fixable).await?;
        self.not_ours().await
    }

    /// Sends bodies that the contract refuses to the stack's queue, and waits until the deployed consumer has given all of them up.
    /// Gives back the users who can be mended.
    async fn put_poison(&self, poison: usize) -> anyhow::Result<Vec<Uuid>> {
        let mut fixable = Vec::new();
        let bodies: Vec<_> = (0..poison)
            .map(|at| {
                let sub = Uuid::new_v4();
                let kind = at % KINDS;
                if kind == 0 {
                    fixable.push(sub);
                }
                body(kind, sub)
            })
            .collect();
        send(&self.sqs, &self.stack.outputs.queue_url, &bodies).await?;
        let dlq = &self.stack.outputs.dlq_url;
        wait::until("the consumer has given up all poison", DEALT_WITH, async || {
            Ok((total(&self.sqs, dlq).await? >= poison).then_some(()))
        })
        .await?;
        Ok(fixable)
    }

    async fn ours(&mut self, fixable: &[Uuid]) -> anyhow::Result<()> {
        let dlq = name_of(&self.stack.outputs.dlq_url);
        let all = fixable.len().to_string();
        let seen = self.scene("What is there, and why?", &["triage", &dlq, "--parse"], 0)?;
        ensure!(seen.matches(": ").count() >= KINDS, "five kinds: {seen}");

        let fix = ["replay", &dlq, "--reason", "invalid_field", "--edit", FIX];
        let seen = self.scene("One kind can be fixed. What would the fix do?", &fix, 0)?;
        ensure!(seen.contains("+       \"first_name\": null"), "a diff: {seen}");
        let execute = [&fix[..], &["--execute", "--yes"]].concat();
        let seen = self.scene("That is right. Do it.", &execute, 0)?;
        ensure!(seen.contains(&format!("{all} messages sent")), "{all} sent: {seen}");
        self.rows(fixable).await?;

        let unfixable = ["replay", &dlq, "--reason", "unsupported_version", "--no-validate", "--max-replays", "1"];
        let first = [&unfixable[..], &["--limit", "5", "--execute"]].concat();
        self.scene("Version 9 cannot be fixed here. Does it help to send five of them again?", &first, 0)?;
        wait::until("they have come back", DEALT_WITH, async || {
            let all = total(&self.sqs, &self.stack.outputs.dlq_url).await?;
            Ok((all == fixable.len() * (KINDS - 1)).then_some(()))
        })
        .await?;
        let second = [&unfixable[..], &["--attribute", "replay_count=1", "--execute", "--yes"]].concat();
        let seen = self.scene("No: the consumer gave them up again. A second time is refused.", &second, 4)?;
        ensure!(seen.contains("5 messages refused: replayed_too_often"), "the loop guard: {seen}");
        let (_, quarantine) = self.create("quarantine", None).await?;
        let aside = [&second[..], &["--quarantine", &quarantine]].concat();
        let seen = self.scene("Out of the way with them.", &aside, 0)?;
        ensure!(seen.contains("5 messages moved to quarantine"), "quarantined: {seen}");

        let stubborn = ["replay", &dlq, "--reason", "wrong_detail_type", "--no-validate", "--execute", "--yes"];
        self.scene("And if somebody replays poison without looking? The breaker stops it.", &stubborn, 5)?;
        self.scene("What was done tonight?", &["history"], 0)?;
        Ok(())
    }

    /// Every fixed user has exactly one row.
    async fn rows(&mut self, fixable: &[Uuid]) -> anyhow::Result<()> {
        let pool = PgPool::connect(&self.stack.database_url).await?;
        let sql = "select count(*), count(distinct cognito_sub) from users where cognito_sub = any($1)";
        let wanted = i64::try_from(fixable.len())?;
        let (rows, users) = wait::until("every fixed user has a row", DEALT_WITH, async || {
            let row = sqlx::query(sql).bind(fixable).fetch_one(&pool).await?;
            let counts: (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            Ok((counts.1 == wanted).then_some(counts))
        })
        .await?;
        ensure!(rows == users, "exactly one row each");
        let output = format!("{rows} rows for {users} users of {wanted}\n");
        let why = "Has every fixed user exactly one row?".to_owned();
        (self.tell)(&Scene { why, command: format!("psql -c '{sql}'"), output, code: 0 });
        Ok(())
    }

    /// Somebody else's queue: SQS itself has moved the messages, and nothing on them tells why.
    async fn not_ours(&mut self) -> anyhow::Result<()> {
        const ORDERS: usize = 20;
        let (dlq_url, dlq) = self.create("orders-dlq", None).await?;
        let (url, _) = self.create("orders", Some(&dlq_url)).await?;
        let picture = MessageAttributeValue::builder().data_type("Binary.png").binary_value(Blob::new([0, 1, 255]));
        let attributes = HashMap::from([("picture".to_owned(), picture.build()?)]);
        let bodies: Vec<_> = (0..ORDERS).map(|at| json!({ "order": at, "customer": "Ada" }).to_string()).collect();
        for body in &bodies {
            let message = self.sqs.send_message().queue_url(&url).message_body(body);
            message.set_message_attributes(Some(attributes.clone())).send().await?;
        }
        wait::until("SQS has moved every order", DEALT_WITH, async || {
            // A consumer that gives every message back until SQS has had enough.
            let _ = self
                .sqs
                .receive_message()
                .queue_url(&url)
                .max_number_of_messages(10)
                .visibility_timeout(0)
                .send()
                .await;
            Ok((total(&self.sqs, &dlq_url).await? == ORDERS).then_some(()))
        })
        .await?;
        let seen = self.scene("A queue that rollcall knows nothing of.", &["triage", &dlq], 0)?;
        ensure!(seen.contains("exhausted_retries") && !seen.contains("Ada"), "why, and no names: {seen}");
        let replay = ["replay", &dlq, "--where", ".body.order < 15", "--execute"];
        let seen = self.scene("Back to the source, but for the last five.", &replay, 0)?;
        ensure!(seen.contains("15 messages sent"), "15 sent: {seen}");
        let (back, left) = (total(&self.sqs, &url).await?, total(&self.sqs, &dlq_url).await?);
        ensure!((back, left) == (15, 5), "15 at the source and 5 left, not {back} and {left}");
        let answer = self.sqs.receive_message().queue_url(&url).message_attribute_names("All").send().await?;
        let kept =
            answer.messages().first().and_then(|message| message.message_attributes()?.get("picture")?.binary_value());
        ensure!(kept.is_some_and(|bytes| bytes.as_ref() == [0, 1, 255]), "the binary attribute survives");
        Ok(())
    }

    /// Runs one command, tells it, and gives back what was seen.
    fn scene(&mut self, why: &str, arguments: &[&str], expected: i32) -> anyhow::Result<String> {
        let said = self.replayer.run(arguments)?;
        let command = arguments.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        let journals = self.replayer.journals().display().to_string();
        let scene = Scene {
            why: why.to_owned(),
            command: format!("dlq-replayer {command}"),
            output: said.text().replace(&journals, "~/.local/state/dlq-replayer"),
            code: said.code,
        };
        (self.tell)(&scene);
        ensure!(
            said.code == expected,
            "`{}` ended with {}, not {expected}: {}",
            scene.command,
            said.code,
            scene.output
        );
        Ok(scene.output)
    }

    /// Makes a queue of this story's own, and gives back its URL and name.
    async fn create(&self, name: &str, dlq: Option<&str>) -> anyhow::Result<(String, String)> {
        let name = format!("{name}-{}", Uuid::new_v4().simple().to_string().split_off(26));
        let mut create = self.sqs.create_queue().queue_name(&name);
        if let Some(dlq) = dlq {
            let answer = self.sqs.get_queue_attributes().queue_url(dlq).attribute_names(QueueAttributeName::QueueArn);
            let attributes = answer.send().await?.attributes.unwrap_or_default();
            let arn = attributes.get(&QueueAttributeName::QueueArn).context("a queue without an ARN")?;
            let policy = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": 1 }).to_string();
            create = create.attributes(QueueAttributeName::RedrivePolicy, policy);
        }
        let url = create.send().await?.queue_url.context("a queue without a URL")?;
        Ok((url, name))
    }
}

/// The body of one kind of poison; the first kind alone can be fixed.
fn body(kind: usize, sub: Uuid) -> String {
    let (version, first_name) = if kind == 2 { (9, "Ada") } else { (1, if kind == 0 { "" } else { "Ada" }) };
    let mut event = json!({
        "detail-type": if kind == 3 { "UserDeleted" } else { "UserConfirmed" },
        "detail": {
            "metadata": { "version": version, "event_id": sub, "occurred_at": "2026-11-22T21:00:00.000Z", "origin": "sign_up" },
            "data": {
                "cognito_sub": sub, "username": "u", "user_pool_id": "us-east-1_Ab12Cd34E",
                "email": format!("{sub}@example.com"), "first_name": first_name,
            },
        },
    });
    match kind {
        1 => format!("not json at all {sub}"),
        4 => {
            if let Some(data) = event.pointer_mut("/detail/data").and_then(serde_json::Value::as_object_mut) {
                data.remove("username");
            }
            event.to_string()
        }
        _ => event.to_string(),
    }
}

/// Messages in a queue, those that somebody holds included.
async fn total(sqs: &Client, url: &str) -> anyhow::Result<usize> {
    Ok(usize::try_from(depth(sqs, url).await?.total())?)
}

fn name_of(url: &str) -> String {
    url.rsplit('/').next().unwrap_or(url).to_owned()
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/=".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}
