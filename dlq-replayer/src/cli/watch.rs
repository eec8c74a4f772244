//! `watch`: a queue's counts until Ctrl-C.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    arguments,
    session::{Session, working},
};
use crate::report::{
    exit::Exit,
    output::{Format, Reader, print},
    watch::WatchReport,
};

/// Shows the counts every so often until Ctrl-C, so many times, or until the reader of the output is gone.
///
/// # Errors
///
/// A call failed, or standard output cannot be written.
pub async fn watch(session: &Session<'_>, arguments: &arguments::Watch) -> anyhow::Result<Exit> {
    let queue = session.queue(&arguments.queue).await?;
    let every = Duration::from_secs(arguments.every);
    let format = if session.global.json { Format::JsonLine } else { Format::Text };
    let (mut before, mut shown, mut live) = (None, 0, None);
    loop {
        let run = Session::live_run(&queue);
        if let Some(run) = run.as_ref().filter(|run| live.as_ref() != Some(*run)) {
            session.note(&working(run));
        }
        live = run;
        let depth = queue.facts().await?.depth;
        let reader = print(&WatchReport::new(depth, before, every), format)?;
        before = Some(depth);
        shown += 1;
        if reader == Reader::Gone || arguments.count.is_some_and(|count| shown >= count) {
            return Ok(Exit::Done);
        }
        sleep(every).await;
    }
}
