//! How users become rows, and how a batch survives a row that the table refuses.

use rollcall_events::{CognitoSub, UserData};
use tokio::time::Instant;

use crate::{
    classify::Reason,
    database::Database,
    insert_statement::InsertStatement,
    statement::{Failure, Stored, insert_part},
};

/// Statements that may fail by a fault of the table before one has succeeded.
/// One odd row is isolated well below it; a fault that meets every row is recognized after it, rather than after two statements for each row.
const FUTILE_STATEMENTS: u32 = 32;

/// What became of the users of a batch: each is in exactly one of the lists.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Their row is committed, by this statement.
    pub inserted: Vec<CognitoSub>,
    /// Their row was there, as a lookup after the insert has shown.
    pub already_present: Vec<CognitoSub>,
    /// The insert succeeded, and there is no row: the table skips it.
    pub skipped: Vec<CognitoSub>,
    /// The table refuses them for good.
    pub refused: Vec<(CognitoSub, Reason)>,
    /// The table or the server is at fault: to be retried later.
    pub unfit: Vec<CognitoSub>,
    /// The database was not available: to be retried later.
    pub unproven: Vec<CognitoSub>,
    /// What is wrong with the table, in words for a log.
    pub fault: Option<String>,
    /// What was wrong with the database, in words for a log.
    pub trouble: Option<String>,
    /// Statements sent.
    pub statements: u32,
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
    let mut search = Search { parts: vec![users], ..Search::default() };
    while let Some(part) = search.parts.pop() {
        match insert_part(database, statement, part, deadline, &mut search.outcome.statements).await {
            Ok(stored) => search.passed(part, &stored),
            Err(failure) => search.failed(part, failure),
        }
    }
    search.end()
}

/// A search for the rows that a table refuses.
#[derive(Default)]
struct Search<'a> {
    outcome: Outcome,
    /// To be inserted, the next one last.
    parts: Vec<&'a [&'a UserData<'a>]>,
    /// Not halved while nothing has succeeded.
    set_aside: Vec<&'a [&'a UserData<'a>]>,
    /// A trigger raised an error for each of them alone.
    raised: Vec<(CognitoSub, Reason)>,
    futile: u32,
}

impl<'a> Search<'a> {
    fn passed(&mut self, part: &[&UserData<'_>], stored: &Stored) {
        self.outcome.commit(part, stored);
        self.parts.append(&mut self.set_aside);
    }

    fn failed(&mut self, part: &'a [&'a UserData<'a>], failure: Failure) {
        let outcome = &mut self.outcome;
        let in_vain = outcome.inserted.is_empty() && outcome.already_present.is_empty();
        match failure {
            Failure::Unavailable(trouble) => {
                outcome.trouble = Some(trouble);
                let rest = self.parts.drain(..).chain(self.set_aside.drain(..));
                outcome.unproven.extend([part].into_iter().chain(rest).flat_map(subs));
            }
            Failure::Permanent(reason) if part.len() < 2 => {
                outcome.refused.extend(subs(part).map(|sub| (sub, reason.clone())));
            }
            Failure::Raised(reason) if part.len() < 2 => {
                self.raised.extend(subs(part).map(|sub| (sub, reason.clone())));
            }
            Failure::Unfit(fault) if part.len() < 2 => {
                outcome.unfit.extend(subs(part));
                outcome.fault = Some(fault);
            }
            Failure::Unfit(fault) if in_vain && self.futile >= FUTILE_STATEMENTS => {
                self.set_aside.push(part);
                outcome.fault = Some(fault);
            }
            Failure::Raised(reason) if in_vain && self.futile >= FUTILE_STATEMENTS => {
                self.set_aside.push(part);
                outcome.fault = Some(raised_for_everybody(&reason));
            }
            failure => {
                self.futile += u32::from(in_vain && !matches!(failure, Failure::Permanent(_)));
                let (first, second) = part.split_at(part.len() / 2);
                self.parts.extend([second, first]);
            }
        }
    }

    /// An error that a trigger raises for every row is a fault of the table; for a row alone, while others pass, it is about that row.
    fn end(mut self) -> Outcome {
        self.outcome.unfit.extend(self.set_aside.into_iter().flat_map(subs));
        if !self.outcome.inserted.is_empty() {
            self.outcome.refused.append(&mut self.raised);
        } else if let Some((_, reason)) = self.raised.first() {
            self.outcome.fault = Some(raised_for_everybody(reason));
            self.outcome.unfit.extend(self.raised.into_iter().map(|(sub, _)| sub));
        }
        self.outcome
    }
}

fn raised_for_everybody(reason: &Reason) -> String {
    format!("a trigger of the table raises SQLSTATE {} for every row", reason.code)
}

impl Outcome {
    fn commit(&mut self, part: &[&UserData<'_>], stored: &Stored) {
        for sub in subs(part) {
            let found = |keys: &[uuid::Uuid]| keys.binary_search(&sub.as_uuid()).is_ok();
            let list = if found(&stored.inserted) {
                &mut self.inserted
            } else if found(&stored.present) {
                &mut self.already_present
            } else {
                &mut self.skipped
            };
            list.push(sub);
        }
    }
}

fn subs<'a>(part: &'a [&UserData<'_>]) -> impl Iterator<Item = CognitoSub> + 'a {
    part.iter().map(|user| user.cognito_sub)
}
