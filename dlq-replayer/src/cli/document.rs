//! The document of `edit`: a private file that the operator's editor has open.

use std::{
    env, fs,
    io::{self, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    thread,
};

use anyhow::Context;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use super::hints::hinted;

/// Bodies are personal data: only the user may read the files.
const PRIVATE: u32 = 0o600;

/// The editor when neither `VISUAL` nor `EDITOR` is set.
const EDITOR: &str = "vi";

/// What a shell says of a command that it cannot run, and of one that it does not find.
/// Source: "Exit Status for Commands" in the Shell Command Language of POSIX.
const NOT_RUN: [i32; 2] = [126, 127];

/// The editor that the operator has chosen, behind the variable that names it.
fn chosen_editor() -> Option<(&'static str, String)> {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| Some((name, env::var(name).ok()?)));
    named.into_iter().find(|(_, value)| !value.trim().is_empty())
}

/// Checks that an editor can be opened: the usual one needs a terminal, and an editor that was chosen may not.
///
/// # Errors
///
/// None was chosen, and there is no terminal.
pub fn check_editor() -> anyhow::Result<()> {
    if chosen_editor().is_some() || (io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Ok(());
    }
    let text = format!("`EDITOR` is not set, and there is no terminal for `{EDITOR}`");
    Err(hinted(text, "set `EDITOR`, or run the command at a terminal"))
}

/// The document; it is removed at the end unless it is kept.
pub struct Document {
    path: PathBuf,
    /// What it held before the editor had it.
    made: String,
    keeps: bool,
}

/// How the editor left the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edited {
    /// It ended.
    Closed,
    /// It is still open, and this program was asked to end.
    Open,
}

impl Document {
    /// A private file beside the one that is edited, so that personal data does not leave its folder.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn create(file: &Path, text: String) -> anyhow::Result<Self> {
        let path = beside(file, &format!("edit-{}", fastrand::u32(..)));
        write_private(&path, text.as_bytes())?;
        Ok(Self { path, made: text, keeps: false })
    }

    /// Opens it in the editor and waits for its end.
    ///
    /// As git does, this ignores Ctrl-C and Ctrl-\ meanwhile: both go to the editor too, which may have another use for them.
    ///
    /// # Errors
    ///
    /// There is no such editor, or it failed.
    pub async fn open(&self) -> anyhow::Result<Edited> {
        // A signal that is listened to does not end the process, not even after the listener is gone.
        let [_interrupt, _quit] = signals([SignalKind::interrupt(), SignalKind::quit()])?;
        let [mut terminate, mut hangup] = signals([SignalKind::terminate(), SignalKind::hangup()])?;
        let (variable, editor) = chosen_editor().unwrap_or(("EDITOR", EDITOR.to_owned()));
        let status = tokio::select! {
            status = run(&editor, &self.path) => status,
            _ = terminate.recv() => return Ok(Edited::Open),
            _ = hangup.recv() => return Ok(Edited::Open),
        };
        let hint = format!("nothing was changed; set `{variable}` to an editor that can be run here");
        let status = status.map_err(|error| hinted(format!("cannot run the editor `{editor}`: {error}"), &*hint))?;
        match status.code() {
            Some(0) => Ok(Edited::Closed),
            Some(code) if NOT_RUN.contains(&code) => {
                let why = if code == 127 { "it was not found" } else { "it is not a program" };
                Err(hinted(format!("cannot run the editor `{editor}`: {why}"), hint))
            }
            _ => {
                let hint = format!("nothing was changed; run the command again, or set `{variable}` to another editor");
                Err(hinted(format!("the editor `{editor}` ended with {status}"), hint))
            }
        }
    }

    /// What it holds now.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is not UTF-8.
    pub fn text(&self) -> anyhow::Result<String> {
        let text = fs::read_to_string(&self.path);
        if text.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            let text = format!("the editor has removed {}", self.path.display());
            return Err(hinted(
                text,
                "nothing was changed; set `VISUAL` or `EDITOR` to an editor that saves files in place",
            ));
        }
        text.with_context(|| format!("cannot read {}", self.path.display()))
    }

    /// Whether it holds work of the operator's: anything but what it was made with.
    pub fn has_work(&self) -> bool {
        match fs::read(&self.path) {
            Ok(bytes) => bytes != self.made.as_bytes(),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Leaves it where it is, and says where that is.
    pub fn keep(&mut self) -> String {
        self.keeps = true;
        self.path.display().to_string()
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        if !self.keeps {
            // It is private in any case.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Runs the editor on a thread of its own, so that signals are heard meanwhile.
async fn run(editor: &str, document: &Path) -> io::Result<ExitStatus> {
    // As git does: the variable may hold arguments, so a shell reads it.
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{editor} \"$1\"")).arg(editor).arg(document);
    let (ended, status) = oneshot::channel();
    thread::spawn(move || {
        // When this program was asked to end, nothing waits for the editor any more.
        let _ = ended.send(command.status());
    });
    status.await.map_err(io::Error::other)?
}

/// Listens to signals, which no longer end the process by themselves.
///
/// # Errors
///
/// The operating system refuses.
pub fn signals<const N: usize>(kinds: [SignalKind; N]) -> anyhow::Result<[Signal; N]> {
    let signals = kinds.into_iter().map(signal).collect::<io::Result<Vec<_>>>().context("cannot listen to signals")?;
    signals.try_into().map_err(|_| anyhow::anyhow!("cannot listen to signals"))
}

/// A file beside another one.
pub fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{suffix}"));
    file.with_file_name(name)
}

/// Writes a new file that only the user may read, down to the disk.
///
/// # Errors
///
/// It exists, or cannot be written; what was written of it is removed.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let unwritable = || format!("cannot write {}", path.display());
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path).with_context(unwritable)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // It holds bodies, and is of no use.
        let _ = fs::remove_file(path);
    }
    written.with_context(unwritable)
}
