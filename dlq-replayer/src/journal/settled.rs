//! Which earlier runs a new one has to know: those since the last run that settled what was before it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use super::{
    past::{PastRun, details, end_of, files_of},
    record::{Begin, Record},
};

/// The runs that one run can settle, and that it has to know itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// All runs of a queue: what was sent is deleted from it, wherever it went.
    Queue,
    /// Runs of a file to this destination. A file stays as it is, so a run to one destination says nothing about another.
    FileTo(&'a str),
}

impl Scope<'_> {
    fn has(self, begin: &Begin) -> bool {
        match self {
            Self::Queue => true,
            Self::FileTo(destination) => begin.destination == destination,
        }
    }
}

/// Earlier runs of one scope.
#[derive(Debug)]
pub struct EarlierRuns {
    /// The journal of the last run that saw everything and left nothing.
    pub settled: Option<PathBuf>,
    /// The journals of the runs since then, the oldest first.
    pub since: Vec<PathBuf>,
}

impl EarlierRuns {
    /// Reads which runs there are. A journal whose first line was never whole is passed over: its run has sent nothing.
    ///
    /// # Errors
    ///
    /// The folder cannot be read; [`UnreadableJournal`] for a file since the settled run that is not a journal.
    pub fn find(folder: &Path, scope: Scope<'_>) -> anyhow::Result<Self> {
        Self::among(files_of(folder)?.into_iter(), scope)
    }

    /// The same of these journals, the newest first. Those before the settled run are left.
    fn among(mut files: impl Iterator<Item = PathBuf>, scope: Scope<'_>) -> anyhow::Result<Self> {
        let mut since = Vec::new();
        let mut settled = None;
        for path in files.by_ref() {
            if !begin_of(&path)?.is_some_and(|begin| scope.has(&begin)) {
                continue;
            }
            if end_of(&path).is_some_and(|end| end.settles()) {
                settled = Some(path);
                break;
            }
            since.push(path);
        }
        since.reverse();
        Ok(Self { settled, since })
    }
}

/// What earlier runs have sent of a file, when nothing of it is left for another run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentBefore {
    /// The run that has sent the last of it.
    pub run: String,
    /// Messages that it and those before it have sent.
    pub messages: u64,
}

/// What was sent of a file to a destination, unless there is something left of it to send.
///
/// # Errors
///
/// A journal cannot be read.
pub fn sent_before(folder: &Path, destination: &str) -> anyhow::Result<Option<SentBefore>> {
    let scope = Scope::FileTo(destination);
    let mut files = files_of(folder)?.into_iter();
    let EarlierRuns { settled, since } = EarlierRuns::among(files.by_ref(), scope)?;
    let Some(settled) = settled else { return Ok(None) };
    for path in since {
        let PastRun { sent, unconfirmed, .. } = details(&path)?.run;
        if sent + unconfirmed > 0 {
            return Ok(None);
        }
    }
    let PastRun { begin, sent, .. } = details(&settled)?.run;
    let mut messages = sent;
    // A file that is not a journal and is older than what is settled is of no interest any more.
    let before = files.take_while(|path| begin_of(path).is_ok());
    for path in EarlierRuns::among(before, scope)?.since {
        messages += details(&path)?.run.sent;
    }
    Ok((messages > 0).then_some(SentBefore { run: begin.run, messages }))
}

/// A file among the journals that is not one: what an earlier run left may be in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal {} cannot be read, so it is not known what its run left unfinished", path.display())]
pub struct UnreadableJournal {
    /// The file.
    pub path: PathBuf,
}

/// What a first line begins with when the program was killed before it was on the disk, so that nothing was sent.
const BEGINNING: &[u8] = br#"{"step":"begin""#;

/// The first line of a journal; none when it was never whole. Later lines may be torn.
///
/// # Errors
///
/// [`UnreadableJournal`] when the file does not begin as a journal does.
pub fn begin_of(path: &Path) -> Result<Option<Begin>, UnreadableJournal> {
    let unreadable = || UnreadableJournal { path: path.to_owned() };
    let mut first = Vec::new();
    let read = fs::File::open(path).and_then(|file| BufReader::new(file).read_until(b'\n', &mut first));
    read.map_err(|_| unreadable())?;
    if let Ok(Record::Begin(begin)) = serde_json::from_slice(&first) {
        return Ok(Some(begin));
    }
    let is_torn = first.last() != Some(&b'\n') && (first.starts_with(BEGINNING) || BEGINNING.starts_with(&first));
    if is_torn { Ok(None) } else { Err(unreadable()) }
}
