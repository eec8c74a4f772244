//! Ctrl-C, SIGTERM and SIGHUP: the first one asks a run to end well, the second one ends it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::report::{exit::Exit, output::say_over_a_bar, progress::Shown};

/// What is said when a run is asked to end.
const STOPPING: &str = "stopping: finishing what is under way; press Ctrl-C again to quit at once";

/// What is said when it is asked again.
const QUITTING: &str = "quitting at once: messages that were received stay hidden until their visibility timeout ends; \
    run the same command again to go on";

/// Whether the run was asked to end.
#[derive(Clone, Debug)]
pub struct Interrupt {
    heard: watch::Receiver<bool>,
    /// Whether a signal is answered with a line on standard error.
    answers: Arc<AtomicBool>,
}

/// The signals that ask for the end: a closed terminal asks like the others.
struct Signals([Signal; 3]);

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let [interrupt, terminate, hangup] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self([interrupt?, terminate?, hangup?]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {}, _ = hangup.recv() => {} }
    }
}

impl Interrupt {
    /// Listens to this process's signals from now on.
    ///
    /// # Errors
    ///
    /// The operating system refuses.
    pub fn listen(shown: Shown) -> std::io::Result<Self> {
        let (asked, heard) = watch::channel(false);
        let answers = Arc::new(AtomicBool::new(shown == Shown::Yes));
        let answered = Arc::clone(&answers);
        let say = move |text| {
            if answered.load(Ordering::Relaxed) {
                say_over_a_bar(text);
            }
        };
        // On a thread of its own: a jq expression that does not end keeps the other one busy.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let mut signals = {
            let _entered = runtime.enter();
            Signals::listen()?
        };
        std::thread::spawn(move || {
            runtime.block_on(async {
                signals.next().await;
                say(STOPPING);
                // Without a listener the run is over.
                let _ = asked.send(true);
                signals.next().await;
                say(QUITTING);
                std::process::exit(Exit::Interrupted.code());
            });
        });
        Ok(Self { heard, answers })
    }

    /// What `under_way` does has nothing to finish when it is asked to end, so that there is nothing to say about it.
    pub async fn unanswered<T>(&self, under_way: impl Future<Output = T>) -> T {
        let before = self.answers.swap(false, Ordering::Relaxed);
        let done = under_way.await;
        self.answers.store(before, Ordering::Relaxed);
        done
    }

    /// One that is asked by hand.
    pub fn by_hand() -> (watch::Sender<bool>, Self) {
        let (asked, heard) = watch::channel(false);
        (asked, Self { heard, answers: Arc::default() })
    }

    /// Returns when it is asked; never when it never is.
    pub async fn asked(&self) {
        let mut heard = self.heard.clone();
        if heard.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
