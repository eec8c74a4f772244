//! The ids that destinations gave to the messages of recent runs, of every queue and file.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::anyhow;

use super::{folder, past::files_of, record::Record};

/// How long a FIFO queue remembers what it was given, and as long again for clocks that differ.
/// Source: "Exactly-once processing in Amazon SQS" in the Amazon SQS developer guide: five minutes.
const REMEMBERED: Duration = Duration::from_mins(10);

/// A recent journal cannot be read, of whichever queue or file it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal {} cannot be read, so it is not known which messages its run has just sent", path.display())]
pub struct UnknownIds {
    /// The file.
    pub path: PathBuf,
}

/// The ids that destinations gave to the messages of runs that wrote to their journal lately, wherever these came from.
///
/// # Errors
///
/// A folder cannot be read; [`UnknownIds`] for a journal that cannot.
pub fn ids_given(root: &Path, now: SystemTime) -> anyhow::Result<Vec<String>> {
    let mut given = Vec::new();
    for folder in folder::all(root)? {
        for path in files_of(&folder)? {
            let written = fs::metadata(&path).and_then(|file| file.modified()).unwrap_or(now);
            if now.duration_since(written).unwrap_or_default() > REMEMBERED {
                continue;
            }
            match ids_in(&path) {
                Ok(ids) => given.extend(ids),
                // A run of its queue has pruned it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(anyhow!(error).context(UnknownIds { path })),
            }
        }
    }
    Ok(given)
}

/// The ids in a journal. A line that cannot be read is passed over, as everywhere.
fn ids_in(journal: &Path) -> io::Result<Vec<String>> {
    let mut given = Vec::new();
    for line in BufReader::new(fs::File::open(journal)?).split(b'\n') {
        if let Ok(Record::Sent { ids, .. }) = serde_json::from_slice(&line?) {
            given.extend(ids.into_iter().map(|(_, id)| id));
        }
    }
    Ok(given)
}
