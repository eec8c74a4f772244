//! Writing a journal: a line is on the disk before the run goes on.

use std::{fs, path::Path};

use anyhow::{Context, anyhow};
use jiff::Timestamp;

use super::record::{Begin, Record};
use crate::sqs::lines::{Check, Lines};

/// An open journal.
pub struct Journal {
    lines: Lines,
}

impl Journal {
    /// Makes the journal of a run and writes its first line.
    ///
    /// # Errors
    ///
    /// The folder or the file cannot be written: nothing may be sent then.
    pub async fn create(folder: &Path, begin: Begin) -> anyhow::Result<Self> {
        let path = file_of(folder, &begin.run);
        let lines = Lines::create(&path, Check::Synced)
            .with_context(|| format!("cannot write the journal {}; nothing was sent", path.display()))?;
        let journal = Self { lines };
        if let Err(error) = journal.write(&Record::Begin(begin)).await {
            // A journal that says nothing only stands in the way.
            let _ = fs::remove_file(&path);
            return Err(anyhow!("{error}; nothing was sent"));
        }
        Ok(journal)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.lines.path()
    }

    /// Writes a line and returns when it is on the disk.
    ///
    /// # Errors
    ///
    /// It is not; the run must not send anything more.
    pub async fn write(&self, record: &Record) -> anyhow::Result<()> {
        let written = self.lines.append(line(record)?).await;
        written.map_err(|why| anyhow!("cannot write the journal {}: {why}", self.path().display()))
    }

    /// Hands a line over that need not be on the disk before the run goes on.
    pub fn note(&self, record: &Record) {
        // Without this line a harmless step is done twice.
        if let Ok(line) = line(record) {
            self.lines.note(line);
        }
    }
}

/// The file of a run in the folder of its queue.
pub fn file_of(folder: &Path, run: &str) -> std::path::PathBuf {
    folder.join(format!("{run}.ndjson"))
}

/// A name for a new run: the second and, as four letters, how much of it has passed, so that names sort by time.
pub fn new_run(now: Timestamp) -> String {
    const LETTERS: u64 = 26;
    // Four letters count 456,976 parts of a second, about two microseconds each.
    let parts = u64::try_from(now.subsec_nanosecond()).unwrap_or(0) * LETTERS.pow(4) / 1_000_000_000;
    let letter = |power| char::from(b'a' + u8::try_from(parts / LETTERS.pow(power) % LETTERS).unwrap_or(0));
    let letters: String = [3, 2, 1, 0].map(letter).iter().collect();
    format!("{}-{letters}", now.strftime("%Y%m%dT%H%M%SZ"))
}

/// The name of a new run behind all that are in the folder of its queue: a clock that was set back must not change their order.
pub fn next_run(now: Timestamp, newest: Option<&str>) -> String {
    let name = new_run(now);
    match newest {
        Some(newest) if name.as_str() <= newest => format!("{newest}z"),
        _ => name,
    }
}

fn line(record: &Record) -> anyhow::Result<String> {
    Ok(serde_json::to_string(record)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time_even_within_a_second_and_when_the_clock_was_set_back() {
        let at = |nanoseconds| Timestamp::new(1_800_000_000, nanoseconds).unwrap();
        let names = [0, 3_000, 1_000_000, 999_999_999].map(|nanoseconds| new_run(at(nanoseconds)));
        assert!(names.is_sorted() && names[0].ends_with("Z-aaaa") && names[3].ends_with("Z-zzzz"), "{names:?}");
        assert_eq!(next_run(at(0), Some(&names[2])), format!("{}z", names[2]));
        assert_eq!(next_run(at(3_000), Some(&names[0])), names[1]);
    }
}
