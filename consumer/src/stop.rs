//! Being told to stop: first politely, with time to finish.

use std::time::Duration;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::{Instant, sleep_until},
};

/// Time to finish what is in hand. ECS and Kubernetes kill a process 30 s after the signal unless they are told otherwise.
const GRACE: Duration = Duration::from_secs(10);

/// Time after that for calls to SQS that are under way: a copy that arrives among the dead letters and is not known to be there is made again.
const LAST_CALLS: Duration = Duration::from_secs(3);

/// Whether the process has been told to stop, and when.
pub struct Stop(watch::Receiver<Option<Instant>>);

impl Stop {
    /// Listens for SIGTERM and SIGINT from now on; a second signal ends the process at once.
    ///
    /// # Errors
    ///
    /// The signals cannot be listened for.
    pub fn on_signals() -> std::io::Result<Self> {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (tell, stop) = Self::told();
        tokio::spawn(async move {
            let mut next = async || tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} };
            next().await;
            tracing::info!("asked to stop");
            tell.send_replace(Some(Instant::now()));
            next().await;
            // What is in hand comes back after its visibility time-out.
            std::process::exit(130);
        });
        Ok(stop)
    }

    /// Listens to nobody but whoever holds the other half.
    pub fn told() -> (watch::Sender<Option<Instant>>, Self) {
        let (tell, told) = watch::channel(None);
        (tell, Self(told))
    }

    /// For a process that is not told, such as a function.
    pub(crate) fn never() -> Self {
        Self::told().1
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Returns once the process has been told to stop.
    pub(crate) async fn asked(&self) {
        self.asked_at().await;
    }

    /// Returns once the time to finish is over.
    pub(crate) async fn time_is_up(&self) {
        let asked = self.asked_at().await;
        sleep_until(asked + GRACE).await;
    }

    /// Returns once no call to SQS should be waited for any more.
    pub(crate) async fn last_calls_are_over(&self) {
        let asked = self.asked_at().await;
        sleep_until(asked + GRACE + LAST_CALLS).await;
    }

    async fn asked_at(&self) -> Instant {
        let mut told = self.0.clone();
        match told.wait_for(Option::is_some).await {
            Ok(at) => at.unwrap_or_else(Instant::now),
            // Nobody can tell any more: the process goes on.
            Err(_) => std::future::pending().await,
        }
    }
}
