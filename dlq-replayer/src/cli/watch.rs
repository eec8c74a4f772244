//! `watch`: a queue's counts until Ctrl-C.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    arguments,
    session::{Session, working},
};
use crate::report::{
    exit::Exit,
    output::{Format, print},
    watch::WatchReport,
};

/// Shows the counts every so often until Ctrl-C, or so many times.
///
/// # Errors
///
/// A call failed, or standard output has no reader any more or cannot be written.
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
        print(&WatchReport::new(depth, before, every), format)?;
        before = Some(depth);
        shown += 1;
        if arguments.count.is_some_and(|count| shown >= count) {
            return Ok(Exit::Done);
        }
        sleep(every).await;
    }
}
