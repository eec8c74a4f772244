//! The story of the dead letters: the real consumer moves messages of five kinds to the dead-letter queue, and an operator with the replayer
//! finds out why, fixes what can be fixed, and clears the rest out of the way. Then a dead-letter queue that two other services share.
//!
//! One telling for the tests, the demo, and the transcript in `docs/runbook.md`.

mod ours;
mod poison;
mod shared;

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use aws_sdk_sqs::{Client, types::QueueAttributeName};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::{Stack, clients::Clients, queues::depth, replayer::Replayer};

/// Longest wait until the consumer or SQS has dealt with what it was sent.
const DEALT_WITH: Duration = Duration::from_mins(2);

/// One command of the story, or one look at the database.
#[derive(Clone, Debug, Serialize)]
pub struct Scene {
    /// What the operator wants to know or do.
    pub why: String,
    /// What was typed.
    pub command: String,
    /// What was seen.
    pub output: String,
    /// The exit code.
    pub code: i32,
}

/// A stage: a stack, an operator, and a listener that is told each scene.
pub struct Story<'a> {
    stack: &'a Stack,
    sqs: Client,
    replayer: Replayer,
    /// The folder that commands run in, so that files have plain names.
    folder: PathBuf,
    tell: &'a mut dyn FnMut(&Scene),
}

impl<'a> Story<'a> {
    /// A story on a stack that is used for nothing else.
    ///
    /// # Errors
    ///
    /// The folder for its files cannot be made.
    pub fn new(stack: &'a Stack, tell: &'a mut dyn FnMut(&Scene)) -> anyhow::Result<Self> {
        let replayer = Replayer::new(&stack.aws_endpoint, stack.region);
        let folder = replayer.home().join("night");
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        Ok(Self { stack, sqs: Clients::of(stack)?.sqs, replayer, folder, tell })
    }

    /// Tells everything, with `poison` messages.
    ///
    /// # Errors
    ///
    /// Something did not happen as it must.
    pub async fn tell(&mut self, poison: usize) -> anyhow::Result<()> {
        self.ours(poison).await?;
        self.shared().await?;
        self.scene("What was done tonight?", &["history"], 0)?;
        Ok(())
    }

    /// Runs one command, tells it, and gives back what was seen.
    fn scene(&mut self, why: &str, arguments: &[&str], expected: i32) -> anyhow::Result<String> {
        self.scene_with(why, None, arguments, expected)
    }

    /// The same with an editor, which is shown as it is typed.
    fn scene_with(
        &mut self,
        why: &str,
        editor: Option<&str>,
        arguments: &[&str],
        expected: i32,
    ) -> anyhow::Result<String> {
        let mut command = self.replayer.command(arguments)?;
        command.current_dir(&self.folder);
        let mut typed = String::new();
        if let Some(editor) = editor {
            command.env("EDITOR", editor);
            typed = format!("EDITOR=\"{editor}\" ");
        }
        typed += "dlq-replayer";
        for word in arguments {
            typed = format!("{typed} {}", quoted(word));
        }
        let said = Replayer::finish(command)?;
        let journals = self.replayer.journals().display().to_string();
        let output = said.text().replace(&journals, "~/.local/state/dlq-replayer");
        let output = output.replace(&format!("{}/", self.folder.display()), "");
        let scene = Scene { why: why.to_owned(), command: typed, output, code: said.code };
        (self.tell)(&scene);
        let Scene { command, output, code, .. } = scene;
        ensure!(code == expected, "`{command}` ended with {code}, not {expected}: {output}");
        let home = self.replayer.home().display().to_string();
        ensure!(!output.contains(&home), "`{command}` shows a path of this machine: {output}");
        Ok(output)
    }

    /// Makes a queue for this story alone, and gives back its URL and name.
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

    /// Messages in a queue, those in flight included.
    async fn total(&self, url: &str) -> anyhow::Result<usize> {
        Ok(usize::try_from(depth(&self.sqs, url).await?.total())?)
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/=".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{word}'") }
}
