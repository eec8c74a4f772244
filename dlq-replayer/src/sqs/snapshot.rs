//! What a snapshot says about itself: its first line names the queue, and a `pull` writes its last one when it has written
//! everything, so that a file without it says that its `pull` was interrupted, killed or failed.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use anyhow::{Context, anyhow};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    lines::{Check, Lines},
    reader::Line,
};

/// Bytes at the end of a file that hold its last line.
const LAST_LINE: u64 = 256;

/// The first line of a snapshot: which queue it was taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The ARN of the queue.
    pub snapshot_of: String,
    /// When it was taken.
    pub at: Timestamp,
    /// Whether a complete one ends with a [`SnapshotEnd`]; those of earlier versions do not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_end: bool,
}

impl Snapshot {
    /// Which queue a file was taken from; none for a file that is not a snapshot.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn of(path: &Path) -> anyhow::Result<Option<Self>> {
        let unreadable = || format!("cannot read the file {}", path.display());
        let mut line = Vec::new();
        let file = File::open(path).with_context(unreadable)?;
        BufReader::new(file).read_until(b'\n', &mut line).with_context(unreadable)?;
        Ok(match Line::parse(&line) {
            Some(Line::Snapshot(snapshot)) => Some(snapshot),
            _ => None,
        })
    }
}

/// The last line of a complete snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotEnd {
    /// When everything was written.
    pub snapshot_ended: Timestamp,
}

impl SnapshotEnd {
    /// Ends the file of a snapshot.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub async fn write(path: &Path) -> anyhow::Result<()> {
        let lines = Lines::open(path, Check::ReadBack).with_context(|| format!("cannot open {}", path.display()))?;
        let end = serde_json::to_string(&Self { snapshot_ended: Timestamp::now() })? + "\n";
        lines.append(end).await.map_err(|why| anyhow!("cannot write {}: {why}", path.display()))
    }

    /// The end of a file; none when its last line is another one.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn of(path: &Path) -> anyhow::Result<Option<Self>> {
        let tail = tail(path).with_context(|| format!("cannot read the file {}", path.display()))?;
        let last = tail.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap_or_default();
        Ok(serde_json::from_slice(last).ok())
    }
}

fn tail(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LAST_LINE)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    Ok(tail)
}

/// Whether a file is a snapshot that has lost its end, or never had one. Of a file that does not say so, nothing is known.
///
/// # Errors
///
/// The file cannot be read.
pub fn is_incomplete(path: &Path) -> anyhow::Result<bool> {
    // A pipe can be read only once.
    let is_file = fs::metadata(path).is_ok_and(|data| data.is_file());
    Ok(is_file && Snapshot::of(path)?.is_some_and(|snapshot| snapshot.has_end) && SnapshotEnd::of(path)?.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_snapshot_that_should_have_an_end_and_has_none_is_incomplete() {
        let path = std::env::temp_dir().join(format!("snapshot-{}.ndjson", uuid::Uuid::new_v4()));
        let begin = r#"{"snapshot_of":"q","at":"2026-11-22T21:00:00Z","has_end":true}"#;
        let message = r#"{"id":"a","body":"b"}"#;
        let incomplete = |text: &str| {
            std::fs::write(&path, text).unwrap();
            is_incomplete(&path).unwrap()
        };
        assert!(incomplete(&format!("{begin}\n{message}\n")) && incomplete(&format!("{begin}\n")));
        SnapshotEnd::write(&path).await.unwrap();
        assert!(!is_incomplete(&path).unwrap());
        assert!(!incomplete(&format!("{message}\n")), "not a snapshot");
        assert!(
            !incomplete(&format!("{}\n{message}\n", begin.replace(",\"has_end\":true", ""))),
            "an earlier version's"
        );
        std::fs::remove_file(&path).unwrap();
    }
}
