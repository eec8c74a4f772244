//! What the figures were measured on.

use std::{fs, process::Command, thread};

use serde::Serialize;

/// The machine, and how busy it was.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) kernel: String,
    /// Processes that wanted to run in the last minute before the benchmark began, on average: more than a few tenths disturb it.
    pub(crate) load_before: String,
}

impl Machine {
    /// This one. What the kernel does not say is empty.
    pub(crate) fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let processors = read("/proc/cpuinfo");
        let processor = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            cores: thread::available_parallelism().map_or(0, usize::from),
            processor: processor.map(|(_, name)| name.to_owned()).unwrap_or_default(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load_before: read("/proc/loadavg").split_whitespace().next().unwrap_or_default().to_owned(),
        }
    }
}

impl Machine {
    /// The first lines of a page: when, with what, on what, and how the figures are to be read.
    pub(crate) fn provenance(&self, date: &str, command: &str, commit: Option<&str>, repetitions: u32) -> String {
        let commit = commit.map(|commit| format!(", commit `{commit}`")).unwrap_or_default();
        let repetitions = match repetitions {
            1 => "1 repetition".to_owned(),
            repetitions => format!("{repetitions} interleaved repetitions"),
        };
        format!(
            "Measured on {date} with `{command}`{commit}.\n\
             {} cores ({}), Linux {}, load average before the run {}.\n\
             Each figure is the median of {repetitions}, with the smallest and the largest in parentheses.\n\
             A ratio is taken within each repetition, and then the median.\n",
            self.cores, self.processor, self.kernel, self.load_before,
        )
    }
}

/// The commit that was built, with `-dirty` behind it when it is not exactly that; None outside a clone.
pub(crate) fn commit() -> Option<String> {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty", "--exclude=*"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = git.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
