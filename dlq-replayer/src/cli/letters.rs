//! What `triage`, `list` and `show` look at: a queue, or a file that was pulled from one.

use std::path::{Path, PathBuf};

use super::{
    files::incomplete,
    hints::hinted,
    session::{Session, end_of_scan, is_file},
};
use crate::{
    report::{exit::Exit, next::Triaged, output::depth},
    run::{
        scan::{Scanned, scan},
        source::{FileSource, Source},
        state::Look,
    },
    sqs::{
        address::AddressError,
        call_error::CallError,
        message::Message,
        queue::{Depth, Facts, Queue},
        snapshot::Snapshot,
    },
};

/// Where messages are looked at.
pub enum Letters {
    /// A queue.
    Queue(Queue),
    /// A file.
    File(PathBuf),
}

impl Letters {
    /// Finds what an argument names.
    ///
    /// # Errors
    ///
    /// The queue is not there.
    pub async fn find(session: &Session<'_>, argument: &str) -> anyhow::Result<Self> {
        let argument = session.config.resolve(argument);
        if is_file(argument) {
            return Ok(Self::File(PathBuf::from(argument)));
        }
        let found = session.queue(argument).await.inspect(|queue| session.note_live_run(queue));
        found.map(Self::Queue).map_err(|error| match error.downcast_ref() {
            Some(AddressError::NotFound { .. }) if Path::new(argument).is_file() => {
                hinted(error.to_string(), format!("a file has this name: write it as `./{argument}`"))
            }
            _ => error,
        })
    }

    /// As it is shown.
    pub fn name(&self) -> String {
        match self {
            Self::Queue(queue) => queue.address.to_string(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// What was triaged, as the next command has to name it.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn triaged(&self, argument: &str) -> anyhow::Result<Triaged> {
        let Self::File(path) = self else { return Ok(Triaged::Queue(argument.to_owned())) };
        let file = argument.to_owned();
        if !path.metadata().is_ok_and(|data| data.is_file()) {
            return Ok(Triaged::Stream);
        }
        Ok(match Snapshot::of(path)? {
            Some(snapshot) => Triaged::Snapshot { file, queue: snapshot.snapshot_of },
            None => Triaged::File(file),
        })
    }

    /// Whether it is a FIFO queue.
    pub fn is_fifo(&self) -> bool {
        matches!(self, Self::Queue(queue) if queue.address.is_fifo())
    }

    /// What a queue says about itself.
    ///
    /// # Errors
    ///
    /// SQS says no.
    pub async fn facts(&self) -> Result<Option<Facts>, CallError> {
        match self {
            Self::Queue(queue) => queue.facts().await.map(Some),
            Self::File(_) => Ok(None),
        }
    }

    /// What is to be said about a file whose `pull` has not written everything.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn incomplete(&self) -> anyhow::Result<Option<String>> {
        match self {
            Self::File(file) => incomplete(file),
            Self::Queue(_) => Ok(None),
        }
    }

    /// How a scan that found so many messages ended, and `enough` of them or not; says what was not seen.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn end_of_scan(
        &self,
        session: &Session<'_>,
        scanned: &Scanned,
        found: u64,
        enough: bool,
    ) -> anyhow::Result<Exit> {
        if let Some(text) = self.incomplete()?.filter(|_| !enough) {
            session.note(&text);
        }
        session.note_end_of_scan(scanned, self.is_fifo());
        self.exit_of_scan(scanned, found, enough)
    }

    /// The same, without saying anything.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn exit_of_scan(&self, scanned: &Scanned, found: u64, enough: bool) -> anyhow::Result<Exit> {
        Ok(match end_of_scan(scanned, found) {
            Exit::Done | Exit::NothingMatched if !enough && self.incomplete()?.is_some() => Exit::Partly,
            exit => exit,
        })
    }

    /// Shows every message once, until it was enough. A file is only read; messages of a queue are released at the end.
    ///
    /// # Errors
    ///
    /// A call failed, or the file cannot be opened.
    pub async fn scan(&self, session: &Session<'_>, visit: impl FnMut(&Message) -> Look) -> anyhow::Result<Scanned> {
        let counts = self.facts().await?.map(|facts| facts.depth);
        if let Some(text) = counts.and_then(hidden) {
            session.note(&text);
        }
        self.scan_counted(session, counts, visit).await
    }

    /// The same of a queue whose counts were read before.
    ///
    /// # Errors
    ///
    /// A call failed, or the file cannot be opened.
    pub async fn scan_counted(
        &self,
        session: &Session<'_>,
        depth: Option<Depth>,
        visit: impl FnMut(&Message) -> Look,
    ) -> anyhow::Result<Scanned> {
        let source = match self {
            Self::Queue(queue) => Source::Queue(queue.clone()),
            Self::File(path) => Source::File(FileSource::looked_at(path)?),
        };
        scan(source, depth, session.settings(), session.clients.clone(), &session.interrupt, visit).await
    }
}

/// What a queue holds that no scan can show.
fn hidden(Depth { visible, in_flight, delayed }: Depth) -> Option<String> {
    (in_flight + delayed > 0).then(|| depth(visible, in_flight, delayed))
}
