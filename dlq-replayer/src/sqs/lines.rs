//! Files of lines that are only appended to: journals and archives. Lines that wait at the same time share one sync to the disk.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

use tokio::sync::oneshot;

/// Bodies and message ids are not for other users of the machine.
const PRIVATE: u32 = 0o600;

/// Bytes that are read at once while the last whole line of a file is looked for.
const STEP: u64 = 64 * 1024;

type Written = Result<(), String>;

/// What is checked after lines were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Nothing but what the operating system says.
    Synced,
    /// They are read back and compared, because what they stand for is deleted next.
    ReadBack,
}

/// A file of lines that is open for appending. A thread of its own writes, so that no disk stops the network.
pub struct Lines {
    queue: Option<mpsc::Sender<(String, oneshot::Sender<Written>)>>,
    writer: Option<thread::JoinHandle<()>>,
    path: PathBuf,
}

impl Lines {
    /// Makes a new private file; its name survives a crash, too.
    ///
    /// # Errors
    ///
    /// The file exists, or cannot be made.
    pub fn create(path: &Path, check: Check) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(PRIVATE).open(path)?;
        sync_folder(path)?;
        Ok(Self::start(file, 0, path, check))
    }

    /// Opens a file to append to it. A last line that a crash has left in pieces is cut off; one that is whole and has
    /// only lost its end is kept.
    ///
    /// # Errors
    ///
    /// The file does not exist or cannot be written.
    pub fn open(path: &Path, check: Check) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut whole = end_of_last_line(&mut file)?;
        file.seek(SeekFrom::Start(whole))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        // Half an object is not JSON.
        if serde_json::from_slice::<serde::de::IgnoredAny>(&tail).is_ok() {
            file.write_all(b"\n")?;
            file.sync_data()?;
            whole += tail.len() as u64 + 1;
        } else {
            file.set_len(whole)?;
        }
        Ok(Self::start(file, whole, path, check))
    }

    fn start(file: File, end: u64, path: &Path, check: Check) -> Self {
        let (queue, waiting) = mpsc::channel();
        let writer = Writer { file, check, end, torn: false };
        let writer = thread::spawn(move || writer.write_all(&waiting));
        Self { queue: Some(queue), writer: Some(writer), path: path.to_owned() }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends lines, each with its end, and returns when they are on the disk.
    ///
    /// # Errors
    ///
    /// They are not on the disk; nothing of them is left in the file.
    pub async fn append(&self, lines: String) -> Result<(), String> {
        self.queue(lines)?.await.unwrap_or_else(|_| Err("its writer has ended".to_owned()))
    }

    /// Hands lines over that need not be on the disk before the caller goes on.
    pub fn note(&self, lines: String) {
        // A reader must be able to do without these lines.
        drop(self.queue(lines));
    }

    fn queue(&self, lines: String) -> Result<oneshot::Receiver<Written>, String> {
        let (done, written) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or("it is closed")?;
        queue.send((lines, done)).map_err(|_| "its writer has ended")?;
        Ok(written)
    }
}

impl Drop for Lines {
    /// What was noted reaches the disk.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // A panic there has been reported to everything that waited.
            let _ = writer.join();
        }
    }
}

/// The writing end of a file of lines.
struct Writer {
    file: File,
    check: Check,
    /// The length of the file up to its last whole line.
    end: u64,
    /// Whether there may be half a line behind it, which would hide the lines that come after.
    torn: bool,
}

impl Writer {
    fn write_all(mut self, waiting: &mpsc::Receiver<(String, oneshot::Sender<Written>)>) {
        while let Ok((text, done)) = waiting.recv() {
            let mut all = vec![(text, done)];
            while let Ok(more) = waiting.try_recv() {
                all.push(more);
            }
            let together: String = all.iter().map(|(text, _)| text.as_str()).collect();
            let written = self.append(&together);
            for (text, done) in all {
                // What does not fit together may fit alone, such as the last line on a full disk.
                let written = if written.is_ok() { Ok(()) } else { self.append(&text) };
                // A note has no reader.
                let _ = done.send(written.map_err(|error| error.to_string()));
            }
        }
    }

    fn append(&mut self, text: &str) -> io::Result<()> {
        self.cut()?;
        self.torn = true;
        let written = self.write_and_check(text);
        match &written {
            Ok(()) => (self.end, self.torn) = (self.end + text.len() as u64, false),
            // When it cannot be cut now, the next lines wait until it can.
            Err(_) => drop(self.cut()),
        }
        written
    }

    fn cut(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.end)?;
            self.torn = false;
        }
        Ok(())
    }

    fn write_and_check(&mut self, text: &str) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_data()?;
        if self.check == Check::ReadBack {
            self.file.seek(SeekFrom::Start(self.end))?;
            let mut read = Vec::new();
            self.file.read_to_end(&mut read)?;
            if read != text.as_bytes() {
                return Err(io::Error::other("what was read back is not what was written"));
            }
        }
        Ok(())
    }
}

/// The length of a file without a last line that has no end.
fn end_of_last_line(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        Read::by_ref(file).take(end - start).read_to_end(&mut bytes)?;
        if let Some(at) = bytes.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Makes the name of a new file survive a crash.
///
/// # Errors
///
/// The folder cannot be synced.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary() -> PathBuf {
        std::env::temp_dir().join(format!("lines-{}", uuid::Uuid::new_v4()))
    }

    #[tokio::test]
    async fn a_torn_last_line_is_cut_off_before_more_is_appended() {
        let path = temporary();
        fs::write(&path, "one\ntw").unwrap();
        Lines::open(&path, Check::ReadBack).unwrap().append("three\n".into()).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\nthree\n");
        fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn a_file_that_exists_is_never_overwritten_and_a_new_one_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let path = temporary();
        let lines = Lines::create(&path, Check::Synced).unwrap();
        lines.append("one\n".into()).await.unwrap();
        assert!(Lines::create(&path, Check::Synced).is_err());
        lines.note("two\n".into());
        drop(lines);
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n", "a note is written before the file is closed");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, PRIVATE);
        fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn a_full_disk_is_an_error_and_not_a_lost_line() {
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut writer = Writer { file, check: Check::Synced, end: 0, torn: false };
        assert!(writer.append("line\n").is_err());
        assert!(writer.torn, "it cannot be cut, so nothing may be written behind it");
        assert!(writer.append("next\n").is_err());
    }

    #[test]
    fn a_whole_last_line_that_has_lost_its_end_is_kept_and_half_a_line_is_cut_off() {
        let path = std::env::temp_dir().join(format!("rollcall-lines-{}", fastrand::u64(..)));
        for (tail, kept) in [
            (r#"{"id":"b"}"#, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n"),
            (r#"{"id":"#, "{\"id\":\"a\"}\n"),
            ("", "{\"id\":\"a\"}\n"),
        ] {
            fs::write(&path, format!("{{\"id\":\"a\"}}\n{tail}")).unwrap();
            drop(Lines::open(&path, Check::ReadBack).unwrap());
            let now = fs::read_to_string(&path).unwrap();
            fs::remove_file(&path).unwrap();
            assert_eq!(now, kept);
        }
    }
}
