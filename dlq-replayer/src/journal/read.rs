//! Journals read back: what earlier runs did, and what a run that resumes one must know.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::{Context, bail};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    journal::write::{Begin, End, Record, file_of},
    sqs::message::MessageKey,
};

/// Runs that may resume one another; a longer chain is a circle.
const LONGEST_CHAIN: usize = 100;

/// How far a message got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Got {
    /// A send was under way, and its answer is not known.
    Unknown,
    /// Confirmed by the destination, not known to be deleted.
    Sent,
}

/// What a run that resumes must know. Sixteen bytes for each message, and a few more.
#[derive(Debug, Default)]
pub struct Resumed {
    /// Confirmed by the destination and not deleted: to be deleted when met, and never sent again.
    pub sent: HashSet<MessageKey>,
    /// Sent without an answer: nobody can know whether the destination has them. They are sent again.
    pub unknown: HashSet<MessageKey>,
}

/// One run as `history` tells it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PastRun {
    /// What it set out to do.
    #[serde(flatten)]
    pub begin: Begin,
    /// How it ended; none when it was killed.
    pub end: Option<End>,
    /// Messages that the destination confirmed.
    pub sent: u64,
    /// Messages that were deleted afterwards.
    pub deleted: u64,
    /// Messages whose send had no answer.
    pub unknown: u64,
}

/// Reads the lines of a journal. A last line that a crash has cut short is what had not happened yet.
fn records(path: &Path) -> anyhow::Result<impl Iterator<Item = Record>> {
    let file = fs::File::open(path).with_context(|| format!("cannot read the journal {}", path.display()))?;
    Ok(BufReader::new(file).lines().map_while(Result::ok).map_while(|line| serde_json::from_str(&line).ok()))
}

/// Reads one run.
///
/// # Errors
///
/// The file cannot be read, or is no journal.
pub fn past_run(path: &Path) -> anyhow::Result<PastRun> {
    let mut records = records(path)?;
    let Some(Record::Begin(begin)) = records.next() else { bail!("{} is not a journal", path.display()) };
    let mut run = PastRun { begin, end: None, sent: 0, deleted: 0, unknown: 0 };
    let mut open = HashSet::new();
    for record in records {
        match record {
            Record::Begin(_) => {}
            Record::Sending { ids } => open.extend(ids.iter().map(|id| MessageKey::of(id))),
            Record::Sent { ids } => {
                run.sent += ids.len() as u64;
                for (id, _) in &ids {
                    open.remove(&MessageKey::of(id));
                }
            }
            Record::NotSent { ids } => {
                for id in &ids {
                    open.remove(&MessageKey::of(id));
                }
            }
            Record::Deleted { ids } => run.deleted += ids.len() as u64,
            Record::End(end) => run.end = Some(end),
        }
    }
    run.unknown = open.len() as u64;
    Ok(run)
}

/// All runs, the newest first. A file that is no journal is left out.
///
/// # Errors
///
/// The folder cannot be read.
pub fn past_runs(folder: &Path) -> anyhow::Result<Vec<PastRun>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let files = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut runs: Vec<_> = files
        .filter_map(Result::ok)
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "ndjson"))
        .filter_map(|path| past_run(&path).ok())
        .collect();
    runs.sort_by(|one, other| (other.begin.at, &other.begin.run).cmp(&(one.begin.at, &one.begin.run)));
    Ok(runs)
}

/// The run that `--resume` means: a name, or `last` for the newest one of this queue and command.
///
/// # Errors
///
/// There is none.
pub fn resolve(folder: &Path, wanted: &str, queue: &str) -> anyhow::Result<String> {
    let runs = past_runs(folder)?;
    let found = if wanted == "last" {
        runs.iter().find(|run| run.begin.queue == queue)
    } else {
        runs.iter().find(|run| run.begin.run == wanted)
    };
    let Some(run) = found else {
        bail!("no run `{wanted}` of this queue in {}; `dlq-replayer history` lists them", folder.display())
    };
    if run.begin.queue != queue {
        bail!("the run `{wanted}` was of another queue: {}", run.begin.queue);
    }
    Ok(run.begin.run.clone())
}

/// What a run that resumes `run` must know: that of the run itself, and of those it had resumed.
///
/// # Errors
///
/// A journal cannot be read.
pub fn resumed(folder: &Path, run: &str) -> anyhow::Result<Resumed> {
    let mut chain = vec![run.to_owned()];
    while let Some(before) =
        chain.last().map(|run| past_run(&file_of(folder, run))).transpose()?.and_then(|run| run.begin.resumes)
    {
        if chain.len() == LONGEST_CHAIN {
            bail!("the journals of {run} resume one another in a circle");
        }
        chain.push(before);
    }
    let mut got = HashMap::new();
    for run in chain.iter().rev() {
        for record in records(&file_of(folder, run))? {
            apply(&mut got, record);
        }
    }
    let with = |state| got.iter().filter(move |(_, got)| **got == state).map(|(key, _)| *key).collect();
    Ok(Resumed { sent: with(Got::Sent), unknown: with(Got::Unknown) })
}

fn apply(got: &mut HashMap<MessageKey, Got>, record: Record) {
    match record {
        Record::Sending { ids } => got.extend(ids.iter().map(|id| (MessageKey::of(id), Got::Unknown))),
        Record::Sent { ids } => got.extend(ids.iter().map(|(id, _)| (MessageKey::of(id), Got::Sent))),
        Record::NotSent { ids } | Record::Deleted { ids } => {
            for id in ids {
                got.remove(&MessageKey::of(&id));
            }
        }
        Record::Begin(_) | Record::End(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(run: &str, resumes: &str) -> String {
        format!(
            r#"{{"step":"begin","run":"{run}","at":"2026-11-22T21:00:00Z","command":"replay","queue":"q","destination":"d"{resumes}}}"#
        )
    }

    #[test]
    fn a_resumed_run_knows_what_every_run_before_it_has_left() {
        let folder = std::env::temp_dir().join(format!("past-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        let first = [
            begin("1", ""),
            r#"{"step":"sending","ids":["a","b","c","d"]}"#.into(),
            r#"{"step":"sent","ids":[["a","x"],["b","y"]]}"#.into(),
            r#"{"step":"not_sent","ids":["d"]}"#.into(),
            r#"{"step":"deleted","ids":["a"]}"#.into(),
        ];
        // Killed, resumed, and killed again while it wrote a line.
        let second =
            [begin("2", r#","resumes":"1""#), r#"{"step":"sending","ids":["e"]}"#.into(), r#"{"step":"se"#.into()];
        fs::write(file_of(&folder, "1"), first.join("\n")).unwrap();
        fs::write(file_of(&folder, "2"), second.join("\n")).unwrap();
        let Resumed { sent, unknown } = resumed(&folder, "2").unwrap();
        assert_eq!(sent, HashSet::from([MessageKey::of("b")]));
        assert_eq!(unknown, HashSet::from([MessageKey::of("c"), MessageKey::of("e")]));
        let run = past_run(&file_of(&folder, "1")).unwrap();
        assert_eq!((run.sent, run.deleted, run.unknown, run.end), (2, 1, 1, None));
        assert_eq!(resolve(&folder, "last", "q").unwrap(), "2");
        assert!(resolve(&folder, "last", "another").is_err() && resolve(&folder, "1", "another").is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
