//! Ctrl-C, SIGTERM and SIGHUP: the first one asks a run to end well, the second one ends it.

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::report::exit::Exit;

/// Whether the run was asked to end.
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Receiver<bool>);

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
    pub fn listen() -> std::io::Result<Self> {
        let (asked, heard) = watch::channel(false);
        // On a thread of its own: a jq expression that does not end keeps the other one busy.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let mut signals = {
            let _entered = runtime.enter();
            Signals::listen()?
        };
        std::thread::spawn(move || {
            runtime.block_on(async {
                signals.next().await;
                // Without a listener the run is over.
                let _ = asked.send(true);
                signals.next().await;
                std::process::exit(Exit::Interrupted.code());
            });
        });
        Ok(Self(heard))
    }

    /// One that is asked by hand.
    pub fn by_hand() -> (watch::Sender<bool>, Self) {
        let (asked, heard) = watch::channel(false);
        (asked, Self(heard))
    }

    /// Returns when it is asked; never when it never is.
    pub async fn asked(&self) {
        let mut heard = self.0.clone();
        if heard.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
