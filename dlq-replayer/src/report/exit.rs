//! What the exit code says.

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All was done.
    Done,
    /// It failed.
    Error,
    /// The command line cannot be understood.
    Usage,
    /// No message matched.
    NothingMatched,
    /// Some messages that were meant could not be dealt with.
    Partly,
    /// The circuit breaker stopped the run.
    Breaker,
    /// Somebody stopped it.
    Interrupted,
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
        }
    }
}

/// The codes as the help shows them.
pub const EXPLAINED: &str = "\
Exit codes:
  0    all done
  1    an error; the last line says what to do
  2    the command line cannot be understood
  3    no message matched
  4    partly done: the summary says what was left and why
  5    stopped by the circuit breaker: too many messages came back
  130  interrupted";
