//! Ctrl-C, SIGTERM and SIGHUP: the first one asks a run to end well, the second one ends it. What has nothing to finish ends at once.

use std::{
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::report::{exit::Exit, output::say_over_a_bar, progress::Shown};

/// What is said when a run is asked to end.
const STOPPING: &str = "stopping: finishing what is under way; press Ctrl-C again to quit at once";

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Nothing,
    /// The end, when there was nothing to finish.
    ToStop,
    /// The end, when something was under way.
    ToFinish,
}

/// What a second signal costs; none while there is nothing to finish.
type UnderWay = Arc<Mutex<Option<&'static str>>>;

/// Whether the end was asked for.
#[derive(Clone, Debug)]
pub struct Interrupt {
    heard: watch::Receiver<Asked>,
    under_way: UnderWay,
}

/// Asks by hand.
pub struct Asking(watch::Sender<Asked>);

impl Asking {
    /// Asks a run to end.
    pub fn ask(&self) {
        self.0.send_replace(Asked::ToFinish);
    }
}

/// The signals that ask for the end: a closed terminal asks like the others, unless `nohup` keeps it from doing so.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        // A listener would replace what the process was started with.
        let hangup = if is_ignored(SignalKind::hangup()) { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())?, hangup })
    }

    async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! { _ = self.interrupt.recv() => {}, _ = self.terminate.recv() => {}, _ = hangup => {} }
    }
}

/// Whether this process was started with a signal ignored. Where there is no such file, as on macOS, it counts as not ignored.
/// Source: `SigIgn` in `proc_pid_status(5)`, a mask whose lowest bit is signal 1.
fn is_ignored(signal: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask.checked_shr(signal.as_raw_value().unsigned_abs() - 1).is_some_and(|mask| mask & 1 == 1)
}

impl Interrupt {
    /// Listens to this process's signals from now on.
    ///
    /// # Errors
    ///
    /// The operating system refuses.
    pub fn listen(shown: Shown) -> std::io::Result<Self> {
        let (asked, heard) = watch::channel(Asked::Nothing);
        let under_way = UnderWay::default();
        let seen = Arc::clone(&under_way);
        let say = move |text: &str| {
            if shown == Shown::Yes {
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
                {
                    let under_way = lock(&seen);
                    let what = if under_way.is_some() { Asked::ToFinish } else { Asked::ToStop };
                    if what == Asked::ToFinish {
                        say(STOPPING);
                    }
                    // Without a listener the run is over.
                    let _ = asked.send(what);
                }
                signals.next().await;
                if let Some(cost) = *lock(&seen) {
                    say(&format!("quitting at once: {cost}"));
                }
                std::process::exit(Exit::Interrupted.code());
            });
        });
        Ok(Self { heard, under_way })
    }

    /// One that is asked by hand.
    pub fn by_hand() -> (Asking, Self) {
        let (asked, heard) = watch::channel(Asked::Nothing);
        (Asking(asked), Self { heard, under_way: UnderWay::default() })
    }

    /// Does something that has to be finished when the end is asked for; `cost` is what it means to quit all the same.
    pub async fn finishing<T>(&self, cost: &'static str, under_way: impl Future<Output = T>) -> T {
        {
            // The listening thread holds the lock while it decides what was asked for.
            let mut costs = lock(&self.under_way);
            if *self.heard.borrow() != Asked::ToStop {
                *costs = Some(cost);
            }
        }
        if lock(&self.under_way).is_none() {
            // It was asked to stop before this began, and `or_stop` ends it.
            return pending().await;
        }
        let done = under_way.await;
        *lock(&self.under_way) = None;
        done
    }

    /// What a command gives back; none when it was asked to end while it had nothing to finish.
    pub async fn or_stop<T>(&self, command: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            // The command first: a question that is asked ends in its own way.
            biased;
            done = command => Some(done),
            () = self.hears(|asked| asked == Asked::ToStop) => None,
        }
    }

    /// Returns when the end is asked for; never when it never is.
    pub async fn asked(&self) {
        self.hears(|asked| asked != Asked::Nothing).await;
    }

    async fn hears(&self, what: impl Fn(Asked) -> bool) {
        let mut heard = self.heard.clone();
        if heard.wait_for(|asked| what(*asked)).await.is_err() {
            pending::<()>().await;
        }
    }
}

fn lock(under_way: &UnderWay) -> MutexGuard<'_, Option<&'static str>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}
