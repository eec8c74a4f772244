//! Messages that can never become a row, of five kinds.

use serde_json::json;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{DEALT_WITH, Scene, Story};
use crate::{queues::send, wait};

/// Kinds of poison.
pub(super) const KINDS: usize = 5;

/// The rules that an application has for its own table, and a user who has an address already.
const RULES: [&str; 3] = [
    "alter table users add constraint users_first_name_check check (char_length(first_name) <= 40)",
    "alter table users add constraint users_email_key unique (email)",
    "insert into users (cognito_sub, email) values (gen_random_uuid(), 'family@example.com')",
];

/// The users whose messages can be repaired.
#[derive(Default)]
pub(super) struct Users {
    /// Those whose first name is longer than the table allows: one jq expression fixes all of them.
    pub(super) long_names: Vec<Uuid>,
    /// Those whose body is not JSON because of one comma: it takes an editor.
    pub(super) broken: Vec<Uuid>,
}

impl Story<'_> {
    /// Gives the table rules of its own.
    pub(super) async fn put_rules(&mut self) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.stack.database_url).await?;
        for rule in RULES {
            sqlx::raw_sql(rule).execute(&mut connection).await?;
        }
        let [names, addresses, _] = RULES;
        let why = "The application's own table is stricter than Cognito: names are short, and an address is unique.";
        let command = format!("psql -c '{names}' -c '{addresses}'");
        let output = "ALTER TABLE\nALTER TABLE\n".to_owned();
        (self.tell)(&Scene { why: why.to_owned(), command, output, code: 0 });
        Ok(())
    }

    /// Sends messages that cannot become rows to the stack's queue, and waits until the deployed consumer has given all of them up.
    pub(super) async fn put_poison(&self, poison: usize) -> anyhow::Result<Users> {
        let (mut users, mut bodies) = (Users::default(), Vec::new());
        for at in 0..poison {
            let (kind, sub) = (at % KINDS, Uuid::new_v4());
            bodies.push(body(kind, sub));
            match kind {
                0 => users.long_names.push(sub),
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
    let email = if kind == 4 { "family@example.com".to_owned() } else { format!("{sub}@example.com") };
    let event = json!({
        "detail-type": if kind == 3 { "UserDeleted" } else { "UserConfirmed" },
        "detail": {
            "metadata": {
                "version": if kind == 2 { 9 } else { 1 },
                "event_id": sub, "occurred_at": "2026-11-22T21:00:00.000Z", "origin": "sign_up",
            },
            "data": {
                "cognito_sub": sub, "username": "u", "user_pool_id": "us-east-1_Ab12Cd34E",
                "email": email, "first_name": if kind == 0 { "Ada ".repeat(15) } else { "Ada".to_owned() },
            },
        },
    });
    match kind {
        // One comma too many, as a template that was filled in by hand leaves it.
        1 => event.to_string().replacen("}}", ",}}", 1),
        _ => event.to_string(),
    }
}
