//! A dead-letter queue that two other services share. SQS itself has redriven their messages, and nothing on these tells why.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use aws_sdk_sqs::{primitives::Blob, types::MessageAttributeValue};
use serde_json::json;

use super::{DEALT_WITH, Story};
use crate::wait;

/// Messages of each of the two services.
const ORDERS: usize = 20;
const INVOICES: usize = 12;

/// Most messages of one receive, SQS's own limit.
const ENTRIES: i32 = 10;

impl Story<'_> {
    /// One run sends each message back to the queue that it came from.
    pub(super) async fn shared(&mut self) -> anyhow::Result<()> {
        let (dlq_url, dlq) = self.create("shared-dlq", None).await?;
        let (orders_url, orders) = self.create("orders", Some(&dlq_url)).await?;
        let (invoices_url, invoices) = self.create("invoices", Some(&dlq_url)).await?;
        self.fail(&orders_url, "order", ORDERS).await?;
        self.fail(&invoices_url, "invoice", INVOICES).await?;
        wait::until("SQS has redriven every message", DEALT_WITH, async || {
            for url in [&orders_url, &invoices_url] {
                // A consumer that releases every message until SQS has had enough.
                let receive = self.sqs.receive_message().queue_url(url).max_number_of_messages(ENTRIES);
                let _ = receive.visibility_timeout(0).send().await;
            }
            Ok((self.total(&dlq_url).await? == ORDERS + INVOICES).then_some(()))
        })
        .await?;
        let seen = self.scene("Another queue, unrelated to rollcall.", &["triage", &dlq], 0)?;
        ensure!(seen.contains("exhausted_retries") && !seen.contains("Ada"), "why, and no names: {seen}");
        let preflight = ["preflight", &dlq, "--for", "replay", "--to", &orders];
        self.scene("Are all permissions for a replay in place? The check changes nothing.", &preflight, 0)?;
        let replay = ["replay", &dlq, "--where", ".body.order != 7"];
        let why = "Two queues share this one. Order 7 was cancelled meanwhile; where would the others go?";
        let seen = self.scene(why, &replay, 0)?;
        let counts = |seen: &str, to: &str, count: usize| {
            seen.lines().any(|line| line.contains(&format!(" {count} messages to ")) && line.ends_with(to))
        };
        ensure!(counts(&seen, &orders, ORDERS - 1) && counts(&seen, &invoices, INVOICES), "each to its own: {seen}");
        let execute = [&replay[..], &["--execute"]].concat();
        let seen = self.scene("Each back to its own source.", &execute, 0)?;
        ensure!(counts(&seen, &orders, ORDERS - 1) && counts(&seen, &invoices, INVOICES), "each to its own: {seen}");
        let now = [self.total(&orders_url).await?, self.total(&invoices_url).await?, self.total(&dlq_url).await?];
        ensure!(now == [ORDERS - 1, INVOICES, 1], "each at its own source and one left, not {now:?}");
        self.keeps_attributes(&orders_url).await
    }

    /// Puts messages on a queue whose consumer never succeeds.
    async fn fail(&self, url: &str, what: &str, count: usize) -> anyhow::Result<()> {
        let picture = MessageAttributeValue::builder().data_type("Binary.png").binary_value(Blob::new([0, 1, 255]));
        let attributes = HashMap::from([("picture".to_owned(), picture.build()?)]);
        for at in 0..count {
            let body = json!({ what: at, "customer": "Ada" }).to_string();
            let message = self.sqs.send_message().queue_url(url).message_body(body);
            message.set_message_attributes(Some(attributes.clone())).send().await?;
        }
        Ok(())
    }

    async fn keeps_attributes(&self, url: &str) -> anyhow::Result<()> {
        let answer = self.sqs.receive_message().queue_url(url).message_attribute_names("All").send().await?;
        let message = answer.messages().first().context("a message")?;
        let kept = message.message_attributes().and_then(|all| all.get("picture")?.binary_value());
        ensure!(kept.is_some_and(|bytes| bytes.as_ref() == [0, 1, 255]), "the binary attribute survives");
        Ok(())
    }
}
