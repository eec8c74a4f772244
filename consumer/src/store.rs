//! How users become rows, and how a batch survives a row that the table refuses or that another session holds.

use std::{collections::VecDeque, fmt, time::Duration};

use rollcall_events::{CognitoSub, UserData};
use tokio::time::{Instant, sleep_until};

use crate::{
    classify::Reason,
    database::Database,
    doubts::Doubts,
    insert_statement::InsertStatement,
    statement::{Failure, Stored, insert_part},
};

/// Statements that may fail by a fault of the table before one has succeeded.
/// One odd row is isolated well below it; a fault that meets every row is recognized after it, rather than after two statements for each row.
const FUTILE_STATEMENTS: u32 = 32;

/// Pieces of a part that has waited for too long. Each piece with a locked row waits as long again, so there are few rounds:
/// two halves of ten would find one locked row after four more waits, ten pieces find it after one.
const PIECES: usize = 16;

/// Between two attempts at rows that another session holds, if the server ends a wait at once.
const PAUSE: Duration = Duration::from_millis(250);

/// What became of the users of a batch: each is in exactly one of the lists.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Their row is committed, by this statement.
    pub inserted: Vec<CognitoSub>,
    /// Their row was there, as a lookup after the insert has shown.
    pub already_present: Vec<CognitoSub>,
    /// The insert succeeded, and there is no row: the table skips it and stores others.
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
/// A part that waits for too long is cut into pieces, which come after everything that has not waited.
/// `users` must be sorted by `sub` without repeats: two batches that insert the same users in different orders deadlock, and one statement cannot insert a key twice.
pub async fn insert(
    database: &Database,
    statement: &InsertStatement,
    users: &[&UserData<'_>],
    deadline: Instant,
) -> Outcome {
    debug_assert!(users.is_sorted_by(|a, b| a.cognito_sub < b.cognito_sub), "sorted and without repeats");
    let mut search = Search::of(users, &database.doubts);
    while let Some(part) = search.next(deadline).await {
        match insert_part(database, statement, part, deadline, &mut search.outcome.statements).await {
            Ok(stored) => search.passed(part, &stored),
            Err(failure) => search.failed(part, failure),
        }
    }
    search.end()
}

type Part<'a> = &'a [&'a UserData<'a>];

/// A search for the rows that a table refuses.
struct Search<'a> {
    doubts: &'a Doubts,
    outcome: Outcome,
    /// To be inserted, the next one last.
    parts: VecDeque<Part<'a>>,
    /// Not halved while nothing has succeeded.
    set_aside: Vec<Part<'a>>,
    /// Each a row that was refused or skipped before any other row had passed.
    doubtful: Vec<(Part<'a>, Doubt)>,
    /// Each a row that another session holds.
    blocked: Vec<Part<'a>>,
    futile: u32,
}

/// Why there may be something wrong with a row, or with the table.
enum Doubt {
    Refused(Reason),
    Skipped,
}

impl<'a> Search<'a> {
    fn of(users: Part<'a>, doubts: &'a Doubts) -> Self {
        let (set_aside, doubtful, blocked) = Default::default();
        Self { doubts, outcome: Outcome::default(), parts: [users].into(), set_aside, doubtful, blocked, futile: 0 }
    }

    async fn next(&mut self, deadline: Instant) -> Option<Part<'a>> {
        if self.parts.is_empty() && !self.outcome.inserted.is_empty() {
            // Others have passed since. A table that was fixed in between takes these rows now.
            self.parts.extend(self.doubtful.drain(..).map(|(row, _)| row));
        }
        if self.parts.is_empty() && !self.blocked.is_empty() {
            sleep_until(deadline.min(Instant::now() + PAUSE)).await;
            self.parts.extend(self.blocked.drain(..));
        }
        self.parts.pop_back()
    }

    fn passed(&mut self, part: Part<'a>, stored: &Stored) {
        let before = self.outcome.inserted.len();
        let skipped = self.outcome.commit(part, stored);
        self.doubts.passed(self.outcome.inserted.get(before..).unwrap_or_default());
        for row in skipped {
            self.doubt(row, Doubt::Skipped);
        }
        if !self.in_vain() {
            self.parts.extend(self.set_aside.drain(..));
        }
    }

    fn failed(&mut self, part: Part<'a>, failure: Failure) {
        match failure {
            Failure::Unavailable(trouble) => {
                let before = self.outcome.trouble.take();
                self.outcome.trouble = trouble.or(before).or_else(|| Some("the database does not answer".to_owned()));
                let rest = self.parts.drain(..).chain(self.set_aside.drain(..)).chain(self.blocked.drain(..));
                self.outcome.unproven.extend([part].into_iter().chain(rest).flat_map(subs));
            }
            Failure::TimedOut(trouble) => {
                self.outcome.trouble = Some(trouble);
                if part.len() < 2 {
                    self.blocked.push(part);
                }
                for piece in part.chunks(part.len().div_ceil(PIECES).max(1)).filter(|piece| piece.len() < part.len()) {
                    self.parts.push_front(piece);
                }
            }
            Failure::Permanent(reason) if part.len() < 2 => self.outcome.refuse(part, &reason),
            Failure::Doubtful(reason) if part.len() < 2 => self.doubt(part, Doubt::Refused(reason)),
            Failure::Unfit(fault) if part.len() < 2 => self.unfit(part, fault),
            Failure::Unfit(fault) if self.is_futile() => self.set_aside(part, fault),
            Failure::Doubtful(reason) if self.is_futile() => self.set_aside(part, Doubt::Refused(reason).to_string()),
            failure => {
                self.futile += u32::from(self.in_vain() && !matches!(failure, Failure::Permanent(_)));
                let (first, second) = part.split_at(part.len() / 2);
                self.parts.extend([second, first]);
            }
        }
    }

    /// The row is at fault if another one has passed before: in this batch, or since this one was refused in an earlier batch.
    fn doubt(&mut self, row: Part<'a>, doubt: Doubt) {
        let others_pass = !self.outcome.inserted.is_empty() || subs(row).any(|sub| self.doubts.refused(sub));
        match doubt {
            doubt if !others_pass => self.doubtful.push((row, doubt)),
            Doubt::Refused(reason) => self.outcome.refuse(row, &reason),
            Doubt::Skipped => self.outcome.skipped.extend(subs(row)),
        }
    }

    fn unfit(&mut self, part: Part<'a>, fault: String) {
        self.outcome.unfit.extend(subs(part));
        self.outcome.fault = Some(fault);
    }

    fn set_aside(&mut self, part: Part<'a>, fault: String) {
        self.set_aside.push(part);
        self.outcome.fault = Some(fault);
    }

    fn in_vain(&self) -> bool {
        self.outcome.inserted.is_empty() && self.outcome.already_present.is_empty()
    }

    fn is_futile(&self) -> bool {
        self.in_vain() && self.futile >= FUTILE_STATEMENTS
    }

    /// What passed after all leaves no fault and no trouble behind.
    fn end(mut self) -> Outcome {
        for (row, doubt) in std::mem::take(&mut self.doubtful) {
            self.unfit(row, doubt.to_string());
        }
        self.outcome.unfit.extend(self.set_aside.into_iter().flat_map(subs));
        self.outcome.fault = self.outcome.fault.filter(|_| !self.outcome.unfit.is_empty());
        self.outcome.trouble = self.outcome.trouble.filter(|_| !self.outcome.unproven.is_empty());
        self.outcome
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => write!(f, "the table, or a trigger of it, refuses with SQLSTATE {}", reason.code),
            Self::Skipped => {
                f.write_str("the insert succeeds and leaves no row: a trigger or a policy of the table skips it")
            }
        }
    }
}

impl Outcome {
    /// Gives back the rows that the table has skipped.
    fn commit<'a>(&mut self, part: Part<'a>, stored: &Stored) -> Vec<Part<'a>> {
        let found = |keys: &[uuid::Uuid], sub: CognitoSub| keys.binary_search(&sub.as_uuid()).is_ok();
        let mut skipped = Vec::new();
        for row in part.chunks(1) {
            for sub in subs(row) {
                if found(&stored.inserted, sub) {
                    self.inserted.push(sub);
                } else if found(&stored.present, sub) {
                    self.already_present.push(sub);
                } else {
                    skipped.push(row);
                }
            }
        }
        skipped
    }

    fn refuse(&mut self, row: Part<'_>, reason: &Reason) {
        self.refused.extend(subs(row).map(|sub| (sub, reason.clone())));
    }
}

fn subs(part: Part<'_>) -> impl Iterator<Item = CognitoSub> + '_ {
    part.iter().map(|user| user.cognito_sub)
}
