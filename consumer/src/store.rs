//! The one INSERT, and how a batch survives a row that the table refuses.

use std::{collections::HashSet, time::Duration};

use rollcall_aws_runtime::retry::{self, GaveUp, Pace, Refusal};
use rollcall_events::{CognitoSub, UserData};
use sqlx::{Connection, PgConnection, Row, postgres::PgRow};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    classify::{Reason, Verdict, classify, describe},
    database::{Database, Pooler},
    insert_statement::InsertStatement,
};

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
    /// Their row was committed before.
    pub already_present: Vec<CognitoSub>,
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
pub async fn insert(
    database: &Database,
    statement: &InsertStatement,
    users: &[&UserData<'_>],
    deadline: Instant,
) -> Outcome {
    debug_assert!(users.is_sorted_by(|a, b| a.cognito_sub < b.cognito_sub), "sorted and without repeats");
    let mut outcome = Outcome::default();
    let mut futile = 0;
    let mut parts = vec![users];
    while let Some(part) = parts.pop() {
        match insert_part(database, statement, part, deadline, &mut outcome.statements).await {
            Ok(inserted) => outcome.commit(part, &inserted),
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
    fn commit(&mut self, part: &[&UserData<'_>], inserted: &HashSet<Uuid>) {
        for sub in subs(part) {
            let list = if inserted.contains(&sub.as_uuid()) { &mut self.inserted } else { &mut self.already_present };
            list.push(sub);
        }
    }

    fn give_back(&mut self, part: &[&UserData<'_>], trouble: String) {
        self.unproven.extend(subs(part));
        self.trouble = Some(trouble);
    }
}

fn subs<'a>(part: &'a [&UserData<'_>]) -> impl Iterator<Item = CognitoSub> + 'a {
    part.iter().map(|user| user.cognito_sub)
}

/// One statement, tried again while the database is not well. Gives back the keys that had no row before.
async fn insert_part(
    database: &Database,
    statement: &InsertStatement,
    part: &[&UserData<'_>],
    deadline: Instant,
    statements: &mut u32,
) -> Result<HashSet<Uuid>, Failure> {
    if part.is_empty() {
        return Ok(HashSet::new());
    }
    let attempts = retry::until(deadline, &PACE, || {
        *statements += 1;
        async {
            execute(database, statement, part).await.map_err(|error| match classify(&error) {
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

async fn execute(
    database: &Database,
    statement: &InsertStatement,
    part: &[&UserData<'_>],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let mut connection = database.acquire().await?;
    let rows = match database.pooler {
        Pooler::None => fetch(&mut connection, statement, part, Prepared::Once).await,
        Pooler::Transaction => fetch_in_transaction(&mut connection, statement, part).await,
    };
    match rows {
        Ok(rows) => rows.iter().map(|row| row.try_get(0)).collect(),
        Err(error) => {
            // After a fail-over an open connection leads to what is a replica now; only a new one finds the primary.
            if classify(&error) == Verdict::Transient {
                connection.close_on_drop();
            }
            Err(error)
        }
    }
}

async fn fetch_in_transaction(
    connection: &mut PgConnection,
    statement: &InsertStatement,
    part: &[&UserData<'_>],
) -> Result<Vec<PgRow>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let rows = fetch(&mut transaction, statement, part, Prepared::EachTime).await?;
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
    statement: &InsertStatement,
    part: &[&UserData<'_>],
    prepared: Prepared,
) -> Result<Vec<PgRow>, sqlx::Error> {
    statement.with(part).persistent(prepared == Prepared::Once).fetch_all(connection).await
}
