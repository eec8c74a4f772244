//! Files of messages: one JSON object per line, nothing lost. What `export` writes, `import` reads, and `purge` must have before it deletes.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::Context;

use crate::{
    sqs::call_error::{CallError, Effect},
    sqs::message::Message,
    sqs::queue::Entry,
};

/// Bodies are personal data: only the user may read them.
const PRIVATE: u32 = 0o600;

/// A file that messages are appended to, each write synced and read back.
pub struct ArchiveFile {
    path: PathBuf,
    file: Mutex<File>,
}

impl ArchiveFile {
    /// Makes a new file.
    ///
    /// # Errors
    ///
    /// It exists already, or cannot be made.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(PRIVATE).open(path);
        let file = file.with_context(|| {
            format!("cannot make the file {}; an existing file is never overwritten", path.display())
        })?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends messages, syncs, reads back what was written, and compares it with the messages.
    ///
    /// # Errors
    ///
    /// [`CallError`] when that cannot be done, or what is read is not what was written.
    pub fn append<'a>(&self, messages: impl Iterator<Item = &'a Message>) -> Result<Vec<Entry>, CallError> {
        let messages: Vec<_> = messages.collect();
        self.write_and_verify(&messages).map_err(|error| CallError {
            operation: "write",
            resource: self.path.display().to_string(),
            code: "file".to_owned(),
            text: format!("{error:#}"),
            effect: Effect::None,
        })?;
        Ok(messages.iter().map(|message| Entry::Sent(message.id.clone())).collect())
    }

    fn write_and_verify(&self, messages: &[&Message]) -> anyhow::Result<()> {
        let mut text = Vec::new();
        for message in messages {
            serde_json::to_writer(&mut text, message)?;
            text.push(b'\n');
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let start = file.seek(SeekFrom::End(0))?;
        file.write_all(&text)?;
        file.sync_data()?;
        file.seek(SeekFrom::Start(start))?;
        let mut written = Vec::new();
        file.read_to_end(&mut written)?;
        let read: Vec<Message> =
            serde_json::Deserializer::from_slice(&written).into_iter().collect::<Result<_, _>>()?;
        let same = read.len() == messages.len()
            && read.iter().zip(messages).all(|(read, message)| {
                let Message { id, receipt: _, body, attributes, system } = read;
                (id, body, attributes, system) == (&message.id, &message.body, &message.attributes, &message.system)
            });
        anyhow::ensure!(same, "what was read back is not what was written");
        Ok(())
    }
}

/// The messages of a file, line by line.
///
/// # Errors
///
/// The file cannot be read; a line that is no message is an error of its own, with its number.
pub fn read(path: &Path) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Message>>> {
    let file = File::open(path).with_context(|| format!("cannot read the file {}", path.display()))?;
    let shown = path.display().to_string();
    Ok(BufReader::new(file).lines().enumerate().map(move |(at, line)| {
        let place = || format!("line {} of {shown} is not a message", at + 1);
        serde_json::from_str(&line.with_context(place)?).map_err(|_| anyhow::anyhow!(place()))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_file_is_never_overwritten_and_what_was_written_is_read_again() {
        let path = std::env::temp_dir().join(format!("archive-{}.ndjson", uuid::Uuid::new_v4()));
        let message: Message = serde_json::from_str(r#"{"id":"m","body":"b\n\u0000ü"}"#).unwrap();
        let file = ArchiveFile::create(&path).unwrap();
        assert_eq!(file.append([&message, &message].into_iter()).unwrap(), vec![Entry::Sent("m".into()); 2]);
        assert_eq!(file.append(std::iter::once(&message)).unwrap().len(), 1);
        assert!(ArchiveFile::create(&path).is_err());
        let all: Vec<_> = read(&path).unwrap().map(Result::unwrap).collect();
        assert_eq!(all, vec![message; 3]);
        std::fs::write(&path, "{\"id\":\"marker\"}\n").unwrap();
        let error = read(&path).unwrap().next().unwrap().unwrap_err().to_string();
        assert!(error.starts_with("line 1 of") && !error.contains("marker"), "{error}");
        std::fs::remove_file(&path).unwrap();
    }
}
