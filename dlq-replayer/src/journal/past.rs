//! Journals read back: what earlier runs did.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    folder,
    record::{Begin, End, Note, Record},
    settled::{EarlierRuns, Scope, UnreadableJournal, begin_of},
};

/// Bytes at the end of a journal that hold its last line, whatever the words in it.
const LAST_LINE: i64 = 4_096;

/// One run as `history` tells it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PastRun {
    /// What it set out to do.
    #[serde(flatten)]
    pub begin: Begin,
    /// How it ended; none when it was killed or is still running.
    pub end: Option<End>,
    /// Whether it is running at the moment.
    pub is_live: bool,
    /// Messages that a destination confirmed.
    pub sent: u64,
    /// Messages that were deleted afterwards.
    pub deleted: u64,
    /// Messages whose send had no answer.
    pub unconfirmed: u64,
}

/// One run with every message that an operator has to know by id.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RunDetails {
    /// The run.
    #[serde(flatten)]
    pub run: PastRun,
    /// The messages, by what there is to know about them.
    pub noted: Vec<NotedMessages>,
}

/// Messages about which there is one thing to know.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct NotedMessages {
    /// What it is.
    pub what: Note,
    /// Why, in a word.
    pub why: String,
    /// Their ids.
    pub ids: Vec<String>,
}

/// The lines of a journal. A line that cannot be read is passed over: what it would have said counts as not known, and later lines still count.
///
/// # Errors
///
/// The file cannot be read, from the beginning or further on.
pub(super) fn records(path: &Path) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Record>> + use<>> {
    let unreadable = format!("cannot read the journal {}", path.display());
    let file = fs::File::open(path).with_context(|| unreadable.clone())?;
    let lines = BufReader::new(file).split(b'\n').map(move |line| line.with_context(|| unreadable.clone()));
    Ok(lines.filter_map(|line| match line {
        Ok(line) => serde_json::from_slice(&line).ok().map(Ok),
        Err(error) => Some(Err(error)),
    }))
}

/// The files of all queues that are not journals.
///
/// # Errors
///
/// A folder cannot be read.
pub fn unreadable(root: &Path) -> anyhow::Result<Vec<UnreadableJournal>> {
    let mut files = Vec::new();
    for folder in folder::all(root)? {
        files.extend(files_of(&folder)?);
    }
    files.sort();
    Ok(files.iter().filter_map(|path| begin_of(path).err()).collect())
}

/// Reads one run with its messages.
///
/// # Errors
///
/// The file cannot be read, or is not a journal.
pub fn details(path: &Path) -> anyhow::Result<RunDetails> {
    let mut records = records(path)?;
    let Some(Record::Begin(begin)) = records.next().transpose()? else { bail!("{} is not a journal", path.display()) };
    let is_live = path.parent().and_then(folder::live_run).is_some_and(|live| live == begin.run);
    let mut run = PastRun { begin, end: None, is_live, sent: 0, deleted: 0, unconfirmed: 0 };
    let (mut open, mut noted) = (HashSet::new(), BTreeMap::<(Note, String), BTreeSet<String>>::new());
    for record in records {
        match record? {
            Record::Begin(_) => {}
            Record::Sending { ids, .. } => open.extend(ids),
            Record::Sent { ids, .. } => {
                run.sent += ids.len() as u64;
                for (id, _) in &ids {
                    open.remove(id);
                }
            }
            Record::NotSent { ids, .. } => open.retain(|id| !ids.contains(id)),
            Record::Deleted { ids } => {
                run.deleted += ids.len() as u64;
                if let Some(left) = noted.get_mut(&(Note::NotDeleted, String::new())) {
                    left.retain(|id| !ids.contains(id));
                }
            }
            Record::Noted { what, why, ids } => {
                noted.entry((what, why)).or_default().extend(ids);
            }
            Record::End(end) => run.end = Some(end),
        }
    }
    // A run that was killed has had no time to say so.
    noted.entry((Note::Unconfirmed, String::new())).or_default().extend(open);
    run.unconfirmed = noted.get(&(Note::Unconfirmed, String::new())).map_or(0, |ids| ids.len() as u64);
    let noted = noted.into_iter().filter(|(_, ids)| !ids.is_empty());
    let noted = noted.map(|((what, why), ids)| NotedMessages { what, why, ids: ids.into_iter().collect() });
    Ok(RunDetails { run, noted: noted.collect() })
}

/// The journals of one queue, the newest first: their names begin with the time.
///
/// # Errors
///
/// The folder cannot be read.
pub fn files_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files: Vec<_> = folder::entries(folder)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "ndjson"))
        .collect();
    files.sort_by(|one, other| other.cmp(one));
    Ok(files)
}

/// The newest runs of all queues, the newest first. A file that is not a journal is left out; [`unreadable`] has it.
///
/// # Errors
///
/// A folder cannot be read.
pub fn newest_runs(root: &Path, most: usize) -> anyhow::Result<Vec<PastRun>> {
    let mut files = Vec::new();
    for folder in folder::all(root)? {
        files.extend(files_of(&folder)?);
    }
    files.sort_by(|one, other| other.file_name().cmp(&one.file_name()));
    Ok(files.iter().filter_map(|path| details(path).ok()).map(|details| details.run).take(most).collect())
}

/// How a run ended, if it ended by itself; read off the end of its journal, without the lines before.
pub fn end_of(path: &Path) -> Option<End> {
    let mut file = fs::File::open(path).ok()?;
    let length = i64::try_from(file.metadata().ok()?.len()).ok()?;
    file.seek(SeekFrom::End(-length.min(LAST_LINE))).ok()?;
    let mut text = Vec::new();
    file.read_to_end(&mut text).ok()?;
    let line = text.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty())?;
    match serde_json::from_slice(line).ok()? {
        Record::End(end) => Some(end),
        _ => None,
    }
}

/// The newest run of a scope that left something to finish, live ones left out.
///
/// # Errors
///
/// The folder or a journal cannot be read.
pub fn last_unfinished(folder: &Path, scope: Scope<'_>) -> anyhow::Result<Option<String>> {
    let live = folder::live_run(folder);
    for path in EarlierRuns::find(folder, scope)?.since.iter().rev() {
        let run = details(path)?.run;
        let left =
            run.end.as_ref().map_or(run.unconfirmed + run.sent.saturating_sub(run.deleted), |end| end.unfinished);
        if left > 0 && live.as_ref() != Some(&run.begin.run) {
            return Ok(Some(run.begin.run));
        }
    }
    Ok(None)
}

/// The run of this name, of any queue, with its messages; none when there is none.
///
/// # Errors
///
/// A folder or the journal cannot be read.
pub fn find(root: &Path, run: &str) -> anyhow::Result<Option<RunDetails>> {
    for folder in folder::all(root)? {
        let file = super::write::file_of(&folder, run);
        if file.exists() {
            return details(&file).map(Some);
        }
    }
    Ok(None)
}

/// What a run set out to do: the one of this name, or with `last` the newest one of this queue and command.
///
/// # Errors
///
/// There is none, or it was of another queue or command.
pub fn resolve(folder: &Path, wanted: &str, command: &str) -> anyhow::Result<Begin> {
    let runs = files_of(folder)?;
    let mut runs = runs.iter().filter_map(|path| begin_of(path).ok().flatten());
    let found = match wanted {
        "last" => runs.find(|begin| begin.command == command),
        name => runs.find(|begin| begin.run == name),
    };
    let Some(begin) = found else {
        bail!("there is no run `{wanted}` of `{command}` on this queue");
    };
    if begin.command != command {
        bail!("the run `{wanted}` was a `{}`, not a `{command}`", begin.command);
    }
    Ok(begin)
}
