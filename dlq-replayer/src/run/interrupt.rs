//! Ctrl-C and SIGTERM: the first one asks a run to end well, the second one ends it.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::report::exit::Exit;

/// Whether somebody has asked the run to end.
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens to this process's signals from now on, on the runtime's own threads.
    ///
    /// # Errors
    ///
    /// The operating system refuses.
    pub fn listen() -> std::io::Result<Self> {
        let (asked, heard) = watch::channel(false);
        let (mut interrupts, mut terminations) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::spawn(async move {
            tokio::select! { _ = interrupts.recv() => {}, _ = terminations.recv() => {} }
            // The run is over when nobody listens.
            let _ = asked.send(true);
            tokio::select! { _ = interrupts.recv() => {}, _ = terminations.recv() => {} }
            std::process::exit(Exit::Interrupted.code());
        });
        Ok(Self(heard))
    }

    /// One that is asked by hand.
    pub fn by_hand() -> (watch::Sender<bool>, Self) {
        let (asked, heard) = watch::channel(false);
        (asked, Self(heard))
    }

    /// Whether it has been asked.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it is asked; never when it never is.
    pub async fn asked(&self) {
        let mut heard = self.0.clone();
        if heard.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
