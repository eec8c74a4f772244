//! How users become rows, and how a batch survives a row that the table refuses or that another session holds.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, mem,
    time::Duration,
};

use rollcall_events::{CognitoSub, UserData};
use tokio::time::{Instant, sleep_until};

use crate::{
    classify::Reason,
    database::Database,
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

/// What became of users of one chunk: each is in one of the lists.
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
}

/// Users of a chunk.
#[derive(Clone, Copy)]
struct Part<'a> {
    chunk: usize,
    users: &'a [&'a UserData<'a>],
}

/// A batch on its way into the table, chunk by chunk: the users who have no row yet are inserted, and the rows that a table refuses are searched for.
///
/// A part that the table refuses is halved until the refused rows stand alone: k of them among n cost about 2·k·log2 n statements, and every other row is committed on the way.
/// A part that waits for too long is cut into pieces, which come after everything that has not waited.
/// Rows that another session holds, and those about which later chunks may tell more, wait for the end, so that nobody waits for them.
pub struct Search<'a> {
    database: &'a Database,
    statement: &'a InsertStatement,
    deadline: Instant,
    /// Chunks that were added.
    chunks: usize,
    /// What is known and was not taken yet, by chunk.
    outcomes: BTreeMap<usize, Outcome>,
    /// To be inserted, the next one last.
    parts: VecDeque<Part<'a>>,
    /// Not halved while nothing has succeeded.
    set_aside: Vec<Part<'a>>,
    /// Each a row that was refused or skipped before any other row had passed.
    doubtful: Vec<(Part<'a>, Doubt)>,
    /// Each a row that another session holds.
    blocked: Vec<Part<'a>>,
    /// Whether a row was inserted.
    others_pass: bool,
    /// Whether nobody is known to have a row.
    in_vain: bool,
    futile: u32,
    statements: u32,
    fault: Option<String>,
    /// Users whom the fault concerns.
    unfit: usize,
    trouble: Option<String>,
    /// Users whom the trouble concerns.
    unproven: usize,
}

/// Why there may be something wrong with a row, or with the table.
enum Doubt {
    Refused(Reason),
    Skipped,
}

impl<'a> Search<'a> {
    /// Nothing is sent yet. All of it is done before `deadline`.
    pub fn begin(database: &'a Database, statement: &'a InsertStatement, deadline: Instant) -> Self {
        Self {
            database,
            statement,
            deadline,
            chunks: 0,
            outcomes: BTreeMap::new(),
            parts: VecDeque::new(),
            set_aside: Vec::new(),
            doubtful: Vec::new(),
            blocked: Vec::new(),
            others_pass: false,
            in_vain: true,
            futile: 0,
            statements: 0,
            fault: None,
            unfit: 0,
            trouble: None,
            unproven: 0,
        }
    }

    /// Inserts the users of the next chunk, except those that have to wait for the end.
    ///
    /// They must be sorted by `sub` without repeats: two batches that insert the same users in different orders deadlock, and one statement cannot insert a key twice.
    pub async fn add(&mut self, users: &'a [&'a UserData<'a>]) {
        debug_assert!(users.is_sorted_by(|a, b| a.cognito_sub < b.cognito_sub), "sorted and without repeats");
        self.parts.push_back(Part { chunk: self.chunks, users });
        self.chunks += 1;
        self.insert().await;
    }

    /// Inserts those that have waited, as far as the deadline lets it.
    pub async fn finish(&mut self) {
        loop {
            if self.others_pass {
                // A table that was fixed in between takes these rows now.
                self.parts.extend(self.doubtful.drain(..).map(|(row, _)| row));
            }
            self.insert().await;
            if !self.blocked.is_empty() {
                sleep_until(self.deadline.min(Instant::now() + PAUSE)).await;
                self.parts.extend(self.blocked.drain(..));
            } else if self.doubtful.is_empty() || !self.others_pass {
                break;
            }
        }
        for (row, doubt) in mem::take(&mut self.doubtful) {
            self.unfit(row, doubt.to_string());
        }
        for part in mem::take(&mut self.set_aside) {
            self.hold(part);
        }
    }

    /// What has become known since the last time, by chunk.
    pub fn take(&mut self) -> BTreeMap<usize, Outcome> {
        mem::take(&mut self.outcomes)
    }

    /// Statements sent.
    pub fn statements(&self) -> u32 {
        self.statements
    }

    /// What was wrong with the database, in words for a log; nothing if all passed after all.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref().filter(|_| self.unproven > 0)
    }

    /// What is wrong with the table, in words for a log; nothing if all passed after all.
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref().filter(|_| self.unfit > 0)
    }

    async fn insert(&mut self) {
        while let Some(part) = self.parts.pop_back() {
            let Self { database, statement, deadline, statements, .. } = self;
            match insert_part(database, statement, part.users, *deadline, statements).await {
                Ok(stored) => self.passed(part, &stored),
                Err(failure) => self.failed(part, failure),
            }
        }
    }

    fn outcome(&mut self, part: Part<'_>) -> &mut Outcome {
        self.outcomes.entry(part.chunk).or_default()
    }

    fn passed(&mut self, part: Part<'a>, stored: &Stored) {
        let skipped = self.outcome(part).commit(part, stored);
        self.database.doubts.passed(&stored.inserted);
        self.others_pass |= !stored.inserted.is_empty();
        self.in_vain &= stored.inserted.is_empty() && stored.present.is_empty();
        for row in skipped {
            self.doubt(row, Doubt::Skipped);
        }
        if !self.in_vain {
            self.parts.extend(self.set_aside.drain(..));
        }
    }

    fn failed(&mut self, part: Part<'a>, failure: Failure) {
        match failure {
            Failure::Unavailable(trouble) => {
                let trouble = trouble.or(self.trouble.take());
                self.trouble = Some(trouble.unwrap_or_else(|| "the database does not answer".to_owned()));
                let rest = self.parts.drain(..).chain(self.set_aside.drain(..)).chain(self.blocked.drain(..));
                for part in [part].into_iter().chain(rest).collect::<Vec<_>>() {
                    self.unproven += part.users.len();
                    self.outcome(part).unproven.extend(part.subs());
                }
            }
            Failure::TimedOut(trouble) => {
                self.trouble = Some(trouble);
                if part.is_one() {
                    self.blocked.push(part);
                } else {
                    for piece in part.pieces() {
                        self.parts.push_front(piece);
                    }
                }
            }
            Failure::Permanent(reason) if part.is_one() => self.outcome(part).refuse(part, &reason),
            Failure::Doubtful(reason) if part.is_one() => self.doubt(part, Doubt::Refused(reason)),
            Failure::Unfit(fault) if part.is_one() => self.unfit(part, fault),
            Failure::Unfit(fault) if self.is_futile() => self.set_aside(part, fault),
            Failure::Doubtful(reason) if self.is_futile() => self.set_aside(part, Doubt::Refused(reason).to_string()),
            failure => {
                self.futile += u32::from(self.in_vain && !matches!(failure, Failure::Permanent(_)));
                let (first, second) = part.halves();
                self.parts.extend([second, first]);
            }
        }
    }

    /// The row is at fault if another one has passed before: in this batch, or since this one was refused in an earlier batch.
    fn doubt(&mut self, row: Part<'a>, doubt: Doubt) {
        let others_pass = self.others_pass || row.subs().any(|sub| self.database.doubts.refused(sub));
        match doubt {
            doubt if !others_pass => self.doubtful.push((row, doubt)),
            Doubt::Refused(reason) => self.outcome(row).refuse(row, &reason),
            Doubt::Skipped => self.outcome(row).skipped.extend(row.subs()),
        }
    }

    fn unfit(&mut self, part: Part<'a>, fault: String) {
        self.fault = Some(fault);
        self.hold(part);
    }

    fn hold(&mut self, part: Part<'a>) {
        self.unfit += part.users.len();
        self.outcome(part).unfit.extend(part.subs());
    }

    fn set_aside(&mut self, part: Part<'a>, fault: String) {
        self.set_aside.push(part);
        self.fault = Some(fault);
    }

    fn is_futile(&self) -> bool {
        self.in_vain && self.futile >= FUTILE_STATEMENTS
    }
}

impl<'a> Part<'a> {
    fn is_one(self) -> bool {
        self.users.len() < 2
    }

    fn halves(self) -> (Self, Self) {
        let (first, second) = self.users.split_at(self.users.len() / 2);
        (Self { users: first, ..self }, Self { users: second, ..self })
    }

    /// For a part of more than one.
    fn pieces(self) -> impl Iterator<Item = Self> + 'a {
        self.users.chunks(self.users.len().div_ceil(PIECES).max(1)).map(move |users| Self { users, ..self })
    }

    fn rows(self) -> impl Iterator<Item = Self> + 'a {
        self.users.chunks(1).map(move |users| Self { users, ..self })
    }

    fn subs(self) -> impl Iterator<Item = CognitoSub> + 'a {
        self.users.iter().map(|user| user.cognito_sub)
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => {
                write!(f, "the table or one of its triggers rejects the row (SQLSTATE {})", reason.code)
            }
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
        for row in part.rows() {
            for sub in row.subs() {
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
        self.refused.extend(row.subs().map(|sub| (sub, reason.clone())));
    }
}
