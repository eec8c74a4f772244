//! Bodies that can never become a row, of five kinds.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{DEALT_WITH, Story};
use crate::{queues::send, wait};

/// Kinds of poison.
pub(super) const KINDS: usize = 5;

/// The users whose messages can be repaired.
#[derive(Default)]
pub(super) struct Users {
    /// Those whose first name is empty: one jq expression fixes all of them.
    pub(super) nameless: Vec<Uuid>,
    /// Those whose body is not JSON because of one comma: it takes an editor.
    pub(super) broken: Vec<Uuid>,
}

impl Story<'_> {
    /// Sends bodies that the contract rejects to the stack's queue, and waits until the deployed consumer has given all of them up.
    pub(super) async fn put_poison(&self, poison: usize) -> anyhow::Result<Users> {
        let (mut users, mut bodies) = (Users::default(), Vec::new());
        for at in 0..poison {
            let (kind, sub) = (at % KINDS, Uuid::new_v4());
            bodies.push(body(kind, sub));
            match kind {
                0 => users.nameless.push(sub),
                1 => users.broken.push(sub),
                _ => {}
            }
        }
        send(&self.sqs, &self.stack.outputs.queue_url, &bodies).await?;
        let dlq = &self.stack.outputs.dlq_url;
        wait::until("the consumer has given up all poison", DEALT_WITH, async || {
            Ok((self.total(dlq).await? >= poison).then_some(()))
        })
        .await?;
        Ok(users)
    }
}

/// The body of one kind of poison.
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
        // One comma too many, as a template that was filled in by hand leaves it.
        1 => event.to_string().replacen("}}", ",}}", 1),
        4 => {
            if let Some(data) = event.pointer_mut("/detail/data").and_then(Value::as_object_mut) {
                data.remove("username");
            }
            event.to_string()
        }
        _ => event.to_string(),
    }
}
