//! The command line.

use clap::{Arg, Args, Parser, Subcommand};
use clap_complete::Shell;

use super::arguments::{Edit, Export, History, Import, List, Move, Preflight, Purge, Replay, Show, Triage, Watch};
use crate::report::{exit, output::say, progress::Shown};

/// Triage, fix and replay the messages of any SQS dead-letter queue, safe at every step.
///
/// QUEUE is a name, a URL, an ARN, or an alias. Nothing is sent or deleted without `--execute`.
///
/// Aliases and defaults are in `$XDG_CONFIG_HOME/dlq-replayer/dlq-replayer.toml` (`~/.config` if unset); flags and `AWS_*` variables override them.
///
/// A journal of each run is in `$XDG_STATE_HOME/dlq-replayer` (`~/.local/state` if unset): message ids and the arguments as typed, and no bodies.
#[derive(Debug, Parser)]
#[command(name = "dlq-replayer", version, after_help = exit::EXPLAINED, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to reach AWS, and how to show results.
    #[command(flatten)]
    pub global: Global,
}

/// How to reach AWS, and how to show results.
#[derive(Args, Debug)]
pub struct Global {
    /// Profile of ~/.aws/config; its credentials override those in variables
    #[arg(long, global = true, help_heading = "AWS")]
    pub profile: Option<String>,
    /// Region of plain queue names; a URL or ARN names its own
    #[arg(long, global = true, help_heading = "AWS")]
    pub region: Option<String>,
    /// Endpoint for every service, for local use
    #[arg(long, global = true, value_name = "URL", help_heading = "AWS")]
    pub endpoint_url: Option<String>,
    /// Maximum number of calls under way at the same time [default: 64]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64), help_heading = "AWS")]
    pub concurrency: Option<u16>,
    /// Visibility timeout of received messages, in seconds; extended while messages are held [default: 120]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=43_200), help_heading = "AWS")]
    pub visibility: Option<u32>,
    /// Print JSON instead of text
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Print nothing but results and errors
    #[arg(short = 'q', long, global = true, help_heading = "Output")]
    pub quiet: bool,
}

impl Global {
    /// Whether anything but results and errors is shown.
    pub fn shown(&self) -> Shown {
        if self.quiet { Shown::Quiet } else { Shown::Yes }
    }

    /// Says something that is neither a result nor an error.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            say(&format!("note: {text}"));
        }
    }

    /// Says what to do about something that was reported.
    pub fn hint(&self, text: &str) {
        if !self.quiet {
            say(&format!("hint: {text}"));
        }
    }
}

/// The flags of commands that talk to AWS.
const OF_AWS: [&str; 5] = ["profile", "region", "endpoint_url", "concurrency", "visibility"];

/// Flags of every command that mean nothing to one of them: its help leaves them out.
fn hidden(names: &[&str]) -> Vec<Arg> {
    let global = Global::augment_args(clap::Command::new(""));
    let unused = global.get_arguments().filter(|flag| names.contains(&flag.get_id().as_str()));
    unused.cloned().map(|flag| flag.hide(true)).collect()
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what is in a queue or file, by reason, with what to do about it
    #[command(
        after_help = "Examples:\n  dlq-replayer triage orders-dlq\n  dlq-replayer triage orders-dlq --group-by .body.tenant --reveal\n\nScanning is receiving: each message is hidden during the scan and released at its end,\nand its receive count rises by one."
    )]
    Triage(Triage),
    /// List messages, one per line, at most 100 unless `-n` says otherwise
    #[command(
        after_help = "Example:\n  dlq-replayer list orders-dlq --reason unsupported_version --older-than 2h -n 20"
    )]
    List(List),
    /// Show one message with all its attributes
    #[command(after_help = "Example:\n  dlq-replayer show orders-dlq 7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22 --reveal")]
    Show(Show),
    /// Send messages again, each to its own source queue or to another destination; a dry run unless --execute
    #[command(
        after_help = "Examples:\n  dlq-replayer replay orders-dlq --reason panic\n  dlq-replayer replay orders-dlq --reason invalid_field --edit '.detail.data.city |= ltrimstr(\" \")' --execute\n  dlq-replayer replay orders-dlq --canary 10 --execute\n  dlq-replayer replay orders-dlq --from messages.ndjson --execute"
    )]
    Replay(Replay),
    /// Move messages to another queue, unchanged; a dry run unless --execute
    #[command(
        after_help = "Example:\n  dlq-replayer move orders-dlq --to orders-quarantine --reason wrong_detail_type --execute"
    )]
    Move(Move),
    /// Take a private snapshot of a queue into a file, for triage, edit and replay; the messages stay in the queue
    #[command(
        after_help = "Example:\n  dlq-replayer pull orders-dlq messages.ndjson --reason malformed_envelope\n\nThe file contains personal data; only you may read it, and an existing file is never overwritten."
    )]
    Pull(Export),
    /// Edit the bodies in a file of `pull` with $EDITOR
    #[command(
        args = hidden(&[&OF_AWS[..], &["json"]].concat()),
        after_help = "Example:\n  dlq-replayer edit messages.ndjson --id 7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22\n\nThe difference is kept in FILE.diff. `replay QUEUE --from FILE` sends the edited bodies."
    )]
    Edit(Edit),
    /// Write messages to a file, one JSON object per line; the messages stay in the queue
    #[command(
        after_help = "Example:\n  dlq-replayer export orders-dlq messages.ndjson --newer-than 1d\n\nThe file contains personal data; only you may read it, and an existing file is never overwritten."
    )]
    Export(Export),
    /// Send the messages of a file to a queue; a dry run unless --execute
    #[command(after_help = "Example:\n  dlq-replayer import orders-dlq messages.ndjson --execute")]
    Import(Import),
    /// Archive messages in a file, verify it, and delete them from the queue; a dry run unless --execute
    #[command(after_help = "Example:\n  dlq-replayer purge orders-dlq --archive old.ndjson --older-than 7d --execute")]
    Purge(Purge),
    /// Check the permissions that a command needs, without changing anything
    #[command(after_help = "Example:\n  dlq-replayer preflight orders-dlq --for replay --to orders")]
    Preflight(Preflight),
    /// Show a queue's counts and how they change until Ctrl-C, which ends it with exit code 0
    #[command(after_help = "Example:\n  dlq-replayer watch orders-dlq --every 5")]
    Watch(Watch),
    /// Show what earlier runs did, or one run with all its messages that need attention
    #[command(args = hidden(&OF_AWS), after_help = "Examples:\n  dlq-replayer history -n 5\n  dlq-replayer history 20261123T234719Z-umjo")]
    History(History),
    /// Print a completion script
    #[command(after_help = "Example:\n  dlq-replayer completions bash > /etc/bash_completion.d/dlq-replayer")]
    Completions {
        /// Shell
        shell: CompletedShell,
    },
    /// Print the manual page
    #[command(after_help = "Example:\n  dlq-replayer man | man -l -")]
    Man,
}

/// The shells that completions are made for.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum CompletedShell {
    /// Bash
    Bash,
    /// Zsh
    Zsh,
    /// Fish
    Fish,
}

impl From<CompletedShell> for Shell {
    fn from(shell: CompletedShell) -> Self {
        match shell {
            CompletedShell::Bash => Self::Bash,
            CompletedShell::Zsh => Self::Zsh,
            CompletedShell::Fish => Self::Fish,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_commands_help_teaches_with_an_example() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("dlq-replayer {}", command.get_name())), "{}", command.get_name());
        }
    }
}
