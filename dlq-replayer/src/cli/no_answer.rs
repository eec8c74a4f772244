//! What an operator is told about a call that nothing answers.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    hints::Asked,
    session::{CALL_WITHIN, Session},
};
use crate::report::output::say_over_a_bar;

/// How long nothing is said about a call that has no answer.
const SILENT_FOR: Duration = Duration::from_secs(3);

/// Tells an operator at a terminal, each time that it happens, that a call has no answer. Never returns.
pub(super) async fn tell(session: &Session<'_>) {
    let mut told = false;
    loop {
        sleep(SILENT_FOR / 6).await;
        let silent = session.clients.waiting().silent_for(SILENT_FOR, Instant::now());
        if let Some(operation) = silent.as_ref().filter(|_| !told && io::stderr().is_terminal()) {
            let Asked { endpoint, region, .. } = &session.asked;
            let whom =
                endpoint.clone().unwrap_or_else(|| format!("AWS in {}", region.as_deref().unwrap_or("no Region")));
            let most = CALL_WITHIN.as_secs();
            say_over_a_bar(&format!("waiting for {whom} to answer {operation}, at most {most} s; Ctrl-C stops"));
        }
        told = silent.is_some();
    }
}
