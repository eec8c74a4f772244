//! Files of messages, one JSON object per line: what `export`, `pull` and `purge` write, and what `import` and `replay --from` read.

use std::{
    cell::OnceCell,
    collections::HashSet,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use super::{
    call_error::{CallError, Effect, WRITE},
    lines::{Check, Lines},
    message::{Message, MessageKey, WrittenIds},
    queue::Entry,
    reader::{Line, Place, Reader},
    snapshot::Snapshot,
};

/// A file that is there already.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file {} exists, and a file is never overwritten", .0.display())]
pub struct FileExists(pub PathBuf);

/// A file that messages are appended to; each is on the disk and read back before it counts as sent.
pub struct Archive {
    path: PathBuf,
    /// None until it is opened: that of a run is opened when the queue's lock is held.
    lines: OnceCell<Lines>,
}

impl Archive {
    /// A file that is not open yet.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), lines: OnceCell::new() }
    }

    /// Makes a new private file.
    ///
    /// # Errors
    ///
    /// It exists, or cannot be made.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let archive = Self::at(path);
        archive.make()?;
        Ok(archive)
    }

    /// Makes the file, which is private.
    ///
    /// # Errors
    ///
    /// It exists, or cannot be made.
    pub fn make(&self) -> anyhow::Result<()> {
        let path = self.path();
        let lines = Lines::create(path, Check::ReadBack).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => FileExists(path.to_owned()).into(),
            _ => anyhow::Error::from(error).context(format!("cannot create the file {}", path.display())),
        })?;
        // A file is opened once.
        let _ = self.lines.set(lines);
        Ok(())
    }

    /// Opens the file of an earlier run, and gives back which messages it really holds. A torn last line is cut off.
    ///
    /// # Errors
    ///
    /// It does not exist, cannot be written, or holds a line that is not a message.
    pub fn reopen(&self) -> anyhow::Result<HashSet<MessageKey>> {
        let path = self.path();
        let opened = Lines::open(path, Check::ReadBack);
        let lines = opened.with_context(|| format!("cannot open the archive {}", path.display()))?;
        let held =
            Reader::open(path)?.map(|message| message.map(|message| message.key())).collect::<anyhow::Result<_>>()?;
        let _ = self.lines.set(lines);
        Ok(held)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the line that names the queue.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub async fn begin(&self, snapshot: &Snapshot) -> anyhow::Result<()> {
        let written = self.write(serde_json::to_string(snapshot)? + "\n").await;
        written.map_err(|why| anyhow::anyhow!("cannot write {}: {why}", self.path().display()))
    }

    async fn write(&self, text: String) -> Result<(), String> {
        let lines = self.lines.get().ok_or("it is not open")?;
        lines.append(text).await
    }

    /// Appends messages, syncs them to the disk and reads them back.
    ///
    /// # Errors
    ///
    /// [`CallError`] when they are not on the disk.
    pub async fn append(&self, messages: &[&Message]) -> Result<Vec<Entry>, CallError> {
        let failed = |text: String| CallError {
            operation: WRITE,
            resource: self.path().display().to_string(),
            code: "file".to_owned(),
            text,
            effect: Effect::None,
        };
        let mut text = String::new();
        for message in messages {
            text += &serde_json::to_string(message).map_err(|error| failed(error.to_string()))?;
            text.push('\n');
        }
        self.write(text).await.map_err(failed)?;
        Ok(messages.iter().map(|message| Entry::Sent(message.id.clone())).collect())
    }
}

/// The bodies of a file, found by message id without keeping them in memory.
pub struct Bodies {
    file: File,
    path: PathBuf,
    places: std::collections::HashMap<MessageKey, (u64, u64)>,
    written: WrittenIds,
}

impl Bodies {
    /// Reads a file once and remembers where each message is.
    ///
    /// # Errors
    ///
    /// The file cannot be read, a line is not a message, or an id occurs twice.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let mut reader = Reader::open(path)?;
        let mut places = std::collections::HashMap::new();
        let mut written = WrittenIds::default();
        while let Some(message) = reader.next().transpose()? {
            let Place { start, length, .. } = reader.place();
            if places.insert(message.key(), (start, length)).is_some() {
                return Err(reader.repeated(message.id).into());
            }
            written.add(message.id);
        }
        Ok(Self { file: reader.into_file(), path: path.to_owned(), places, written })
    }

    /// The ids in the file.
    pub fn keys(&self) -> HashSet<MessageKey> {
        self.places.keys().copied().collect()
    }

    /// An id as it is written in the file.
    pub fn written(&self, key: MessageKey) -> String {
        self.written.of(key)
    }

    /// The body that the file has for a message; none when it does not have the message.
    ///
    /// # Errors
    ///
    /// The file has changed since it was opened, or cannot be read.
    pub fn get(&mut self, key: MessageKey) -> anyhow::Result<Option<String>> {
        let Some((start, length)) = self.places.get(&key).copied() else { return Ok(None) };
        let unreadable = || format!("{} cannot be read any more", self.path.display());
        let mut line = vec![0; usize::try_from(length)?];
        self.file.seek(SeekFrom::Start(start)).with_context(unreadable)?;
        self.file.read_exact(&mut line).with_context(unreadable)?;
        match Line::parse(&line) {
            Some(Line::Message(message)) if message.key() == key => Ok(Some(message.body)),
            _ => bail!("{} has changed while it was read", self.path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn temporary() -> PathBuf {
        std::env::temp_dir().join(format!("archive-{}.ndjson", uuid::Uuid::new_v4()))
    }

    fn message(id: &str) -> Message {
        serde_json::from_value(serde_json::json!({ "id": id, "body": format!("{id}\n\u{0}ü") })).unwrap()
    }

    #[tokio::test]
    async fn what_was_written_is_read_again_and_a_torn_line_is_cut_off() {
        let path = temporary();
        let archive = Archive::create(&path).unwrap();
        archive.begin(&Snapshot { snapshot_of: "q".into(), at: Timestamp::UNIX_EPOCH, has_end: false }).await.unwrap();
        archive.append(&[&message("a"), &message("b")]).await.unwrap();
        assert!(Archive::create(&path).is_err(), "an existing file is never overwritten");
        drop(archive);
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "{\"id\":\"c\"").unwrap();
        let archive = Archive::at(&path);
        let held = archive.reopen().unwrap();
        assert_eq!(held, HashSet::from([MessageKey::of("a"), MessageKey::of("b")]));
        archive.append(&[&message("c")]).await.unwrap();
        let all: Vec<_> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
        assert_eq!(all, ["a", "b", "c"].map(message));
        assert_eq!(Snapshot::of(&path).unwrap().unwrap().snapshot_of, "q");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_line_that_is_not_a_message_is_named_without_its_text() {
        let path = temporary();
        std::fs::write(&path, "{\"id\":\"marker\"}\n").unwrap();
        let error = Reader::open(&path).unwrap().next().unwrap().unwrap_err().to_string();
        assert!(error.starts_with("line 1 of") && !error.contains("marker"), "{error}");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn bodies_are_found_by_id() {
        let path = temporary();
        let lines: String = ["a", "b"].map(|id| serde_json::to_string(&message(id)).unwrap() + "\n").concat();
        std::fs::write(&path, &lines).unwrap();
        let mut bodies = Bodies::open(&path).unwrap();
        assert_eq!(bodies.get(MessageKey::of("b")).unwrap(), Some(message("b").body));
        assert_eq!(bodies.get(MessageKey::of("c")).unwrap(), None);
        std::fs::write(&path, lines.clone() + &lines).unwrap();
        assert!(Bodies::open(&path).err().unwrap().to_string().contains("repeats the id a"));
        std::fs::remove_file(&path).unwrap();
    }
}
