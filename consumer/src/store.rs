//! The one INSERT, and how a batch survives a row that the table refuses.

use std::{collections::HashSet, time::Duration};

use rollcall_aws_runtime::retry::{self, GaveUp, Pace, Refusal};
use rollcall_events::{CognitoSub, EmailAddress, PersonName, UserData};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, postgres::PgRow};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    classify::{Reason, Verdict, classify, describe},
    database::{Database, Pooler},
};

/// One statement for a batch of any size: arrays as parameters, so that its text, and with it its plan, never changes.
///
/// `on conflict do nothing` waits for another transaction that is inserting the same `sub`.
/// What `returning` leaves out is not proven to be there, because a trigger of the table may have skipped it: see [`PRESENT`].
/// Source: "INSERT", section "ON CONFLICT Clause", and "Overview of Trigger Behavior" in the PostgreSQL documentation.
///
/// In a table of one's own the key may be a text: an assignment turns a `uuid` into any kind of text, and the cast turns it back.
const INSERT: &str = "\
insert into users (cognito_sub, email, first_name, last_name, is_active) \
select cognito_sub, email, first_name, last_name, true \
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as arrived (cognito_sub, email, first_name, last_name) \
on conflict (cognito_sub) do nothing \
returning cognito_sub::uuid";

/// Which of these keys have a row, without the closing quotation mark and bracket.
///
/// The keys are an untyped literal, which takes on the type of the column, so that the index of a text column is used, too.
const PRESENT: &str = "select cognito_sub::uuid from users where cognito_sub = any ('";

/// How statements are tried again while the database is not well.
/// An attempt may take as long as the server gives a statement, and a little for the way.
const PACE: Pace = Pace {
    first_wait: Duration::from_millis(50),
    longest_wait: Duration::from_secs(1),
    attempt: Duration::from_secs(8),
};

/// Statements that may fail for a reason that is not understood before anything has succeeded.
/// One odd row is isolated well below it; a missing table is recognized after it, rather than after two statements for each row.
const FUTILE_STATEMENTS: u32 = 32;

/// What became of the users of a batch: each is in exactly one of the lists.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Their row is committed, by this statement.
    pub inserted: Vec<CognitoSub>,
    /// Their row was there, as a lookup after the insert has shown.
    pub already_present: Vec<CognitoSub>,
    /// The insert succeeded, and there is no row: a trigger of the table skips it.
    pub skipped: Vec<CognitoSub>,
    /// The table refuses them for good.
    pub refused: Vec<(CognitoSub, Reason)>,
    /// Nothing is proven: to be tried again later.
    pub unproven: Vec<CognitoSub>,
    /// What was wrong with the database, in words for a log.
    pub trouble: Option<String>,
    /// Statements sent.
    pub statements: u32,
}

enum Failure {
    Permanent(Reason),
    Unknown(String),
    Unavailable(String),
}

/// Inserts the users that have no row yet, and is done before `deadline`.
///
/// A part that the table refuses is halved until the refused rows stand alone: k of them among n cost about 2·k·log2 n statements, and every other row is committed on the way.
/// `users` must be sorted by `sub` without repeats: two batches that insert the same users in different orders deadlock, and one statement cannot insert a key twice.
pub async fn insert(database: &Database, users: &[&UserData], deadline: Instant) -> Outcome {
    debug_assert!(users.is_sorted_by(|a, b| a.cognito_sub < b.cognito_sub), "sorted and without repeats");
    let mut outcome = Outcome::default();
    let mut futile = 0;
    let mut parts = vec![users];
    while let Some(part) = parts.pop() {
        match insert_part(database, part, deadline, &mut outcome.statements).await {
            Ok(stored) => outcome.commit(part, &stored),
            Err(Failure::Unavailable(trouble)) => {
                outcome.give_back(part, trouble);
                parts.drain(..).for_each(|part| outcome.unproven.extend(subs(part)));
            }
            Err(Failure::Unknown(trouble)) if part.len() < 2 || futile >= FUTILE_STATEMENTS => {
                outcome.give_back(part, trouble);
            }
            Err(Failure::Permanent(reason)) if part.len() < 2 => {
                outcome.refused.extend(subs(part).map(|sub| (sub, reason.clone())));
            }
            Err(failure) => {
                let in_vain = outcome.inserted.is_empty() && outcome.already_present.is_empty();
                futile += u32::from(in_vain && matches!(failure, Failure::Unknown(_)));
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
        }
    }
    outcome
}

impl Outcome {
    fn commit(&mut self, part: &[&UserData], stored: &Stored) {
        for sub in subs(part) {
            let key = sub.as_uuid();
            let list = match (stored.inserted.contains(&key), stored.present.contains(&key)) {
                (true, _) => &mut self.inserted,
                (false, true) => &mut self.already_present,
                (false, false) => &mut self.skipped,
            };
            list.push(sub);
        }
    }

    fn give_back(&mut self, part: &[&UserData], trouble: String) {
        self.unproven.extend(subs(part));
        self.trouble = Some(trouble);
    }
}

/// The keys that are proven to have a row.
#[derive(Default)]
struct Stored {
    inserted: HashSet<Uuid>,
    present: HashSet<Uuid>,
}

fn subs<'a>(part: &'a [&UserData]) -> impl Iterator<Item = CognitoSub> + 'a {
    part.iter().map(|user| user.cognito_sub)
}

/// One statement, tried again while the database is not well.
async fn insert_part(
    database: &Database,
    part: &[&UserData],
    deadline: Instant,
    statements: &mut u32,
) -> Result<Stored, Failure> {
    if part.is_empty() {
        return Ok(Stored::default());
    }
    let attempts = retry::until(deadline, &PACE, || {
        *statements += 1;
        async {
            execute(database, part).await.map_err(|error| match classify(&error) {
                Verdict::Transient => Refusal::Transient(Failure::Unavailable(describe(&error))),
                Verdict::Permanent(reason) => Refusal::Permanent(Failure::Permanent(reason)),
                Verdict::Unknown => Refusal::Permanent(Failure::Unknown(describe(&error))),
            })
        }
    });
    attempts.await.map_err(|gave_up| match gave_up {
        GaveUp::Refused(failure) => failure,
        GaveUp::OutOfTime(last) => {
            last.unwrap_or_else(|| Failure::Unavailable("the database does not answer".to_owned()))
        }
    })
}

async fn execute(database: &Database, part: &[&UserData]) -> Result<Stored, sqlx::Error> {
    let mut connection = database.acquire().await?;
    match store(&mut connection, database.pooler, part).await {
        Ok(stored) => Ok(stored),
        Err(error) => {
            // After a fail-over an open connection leads to what is a replica now; only a new one finds the primary.
            if classify(&error) == Verdict::Transient {
                connection.close_on_drop();
            }
            Err(error)
        }
    }
}

async fn store(connection: &mut PgConnection, pooler: Pooler, part: &[&UserData]) -> Result<Stored, sqlx::Error> {
    let rows = match pooler {
        Pooler::None => fetch(connection, part, Prepared::Once).await?,
        Pooler::Transaction => fetch_in_transaction(connection, part).await?,
    };
    let inserted = keys(&rows)?;
    let omitted = part.iter().map(|user| user.cognito_sub.as_uuid()).filter(|key| !inserted.contains(key));
    let present = present(connection, omitted).await?;
    Ok(Stored { inserted, present })
}

/// Looks keys up in a statement of its own, which sees what another transaction has committed while the insert waited for it.
///
/// One simple query is one message, so a transaction pooler cannot part it; a UUID needs no escaping.
async fn present(
    connection: &mut PgConnection,
    keys_wanted: impl Iterator<Item = Uuid>,
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let list = keys_wanted.map(|key| key.to_string()).collect::<Vec<_>>().join(",");
    if list.is_empty() {
        return Ok(HashSet::new());
    }
    let statement = AssertSqlSafe(format!("{PRESENT}{{{list}}}')"));
    keys(&sqlx::raw_sql(statement).fetch_all(connection).await?)
}

fn keys(rows: &[PgRow]) -> Result<HashSet<Uuid>, sqlx::Error> {
    rows.iter().map(|row| row.try_get(0)).collect()
}

async fn fetch_in_transaction(connection: &mut PgConnection, part: &[&UserData]) -> Result<Vec<PgRow>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let rows = fetch(&mut transaction, part, Prepared::EachTime).await?;
    transaction.commit().await?;
    Ok(rows)
}

/// How often a connection prepares the statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Prepared {
    /// Under a name, which the server connection keeps.
    Once,
    /// Without a name: behind a pooler a name would meet the one that another client gave.
    EachTime,
}

async fn fetch(
    connection: &mut PgConnection,
    part: &[&UserData],
    prepared: Prepared,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let keys: Vec<Uuid> = part.iter().map(|user| user.cognito_sub.as_uuid()).collect();
    let emails: Vec<_> = part.iter().map(|user| user.email.as_ref().map(EmailAddress::as_str)).collect();
    let first_names: Vec<_> = part.iter().map(|user| user.first_name.as_ref().map(PersonName::as_str)).collect();
    let last_names: Vec<_> = part.iter().map(|user| user.last_name.as_ref().map(PersonName::as_str)).collect();
    let insert = sqlx::query(INSERT).bind(keys).bind(emails).bind(first_names).bind(last_names);
    insert.persistent(prepared == Prepared::Once).fetch_all(connection).await
}
