//! A file that a command makes for messages. Without any it is removed again, because it would only block the next try.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A new file, which is looked at when this is dropped.
pub struct NewFile {
    path: PathBuf,
    /// Bytes that it has without messages.
    without_messages: u64,
}

impl NewFile {
    /// A file that was just made.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), without_messages: 0 }
    }

    /// What is in it by now is not about a message.
    pub fn has_no_message_yet(&mut self) {
        self.without_messages = fs::metadata(&self.path).map_or(0, |data| data.len());
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if fs::metadata(&self.path).is_ok_and(|data| data.is_file() && data.len() <= self.without_messages) {
            // It does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_messages_is_removed_and_any_other_stays() {
        let path = std::env::temp_dir().join(format!("new-file-{}", uuid::Uuid::new_v4()));
        fs::write(&path, "").unwrap();
        drop(NewFile::at(&path));
        assert!(!path.exists());
        fs::write(&path, "first line\n").unwrap();
        drop(NewFile::at(&path));
        assert!(path.exists());
        let mut file = NewFile::at(&path);
        file.has_no_message_yet();
        fs::write(&path, "first line\nmessage\n").unwrap();
        drop(file);
        assert!(path.exists());
        NewFile::at(&path).has_no_message_yet();
        assert!(!path.exists());
    }
}
