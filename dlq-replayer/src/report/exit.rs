//! What the exit code says.

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Done,
    /// It failed.
    Error,
    /// The command line is not valid.
    Usage,
    /// No message matched.
    NothingMatched,
    /// Something was left, returned, or not seen.
    Partly,
    /// The circuit breaker opened, or the canary returned.
    Breaker,
    /// The operator stopped it.
    Interrupted,
    /// Nothing reads its output any more.
    ReaderGone,
}

impl Exit {
    /// The code.
    pub fn code(self) -> i32 {
        i32::from(self.byte())
    }

    /// The code, as a process takes it.
    pub fn byte(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Usage => 2,
            Self::NothingMatched => 3,
            Self::Partly => 4,
            Self::Breaker => 5,
            Self::Interrupted => 130,
            // What a shell says of a program that SIGPIPE has ended, as it ends other tools before `head`.
            Self::ReaderGone => 141,
        }
    }
}

/// The codes as the help shows them.
pub const EXPLAINED: &str = "\
Exit codes:
  0    everything was done, and the whole queue was seen
  1    an error, or the answer to the question was not `yes`; the `hint:` line, if there is one, says what to do
  2    the command line is not valid
  3    no message matched
  4    something was left, returned or not seen, or `preflight` found a permission missing or could not check one; the summary says what and why
  5    too many messages returned: the circuit breaker opened, or the canary failed
  130  interrupted; `watch`, which only Ctrl-C ends, exits with 0
  141  nothing reads the output any more, as before `| head`; a command that sends, deletes or writes files finishes first, and has its own code";
