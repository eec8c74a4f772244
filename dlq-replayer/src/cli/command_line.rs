//! The command line.

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::{
    cli::arguments::{Export, History, Import, List, Move, Purge, Replay, Show, Triage, Watch},
    report::exit,
};

/// Triage, fix and replay the messages of any SQS dead-letter queue, safe at every step.
///
/// QUEUE is a name, a URL or an ARN. Nothing is sent or deleted without `--execute`.
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
    /// A profile of ~/.aws/config
    #[arg(long, global = true, help_heading = "AWS")]
    pub profile: Option<String>,
    /// The Region; the one in a URL or ARN is taken when this is not given
    #[arg(long, global = true, help_heading = "AWS")]
    pub region: Option<String>,
    /// One endpoint for every service, for local use
    #[arg(long, global = true, value_name = "URL", help_heading = "AWS")]
    pub endpoint_url: Option<String>,
    /// Print one JSON document instead of text
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Receives, sends and deletes at the same time
    #[arg(long, global = true, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64), help_heading = "AWS")]
    pub concurrency: u16,
    /// How long a message stays hidden when this program is killed, in seconds
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=43_200), help_heading = "AWS")]
    pub visibility: u32,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what is in the queue, by reason, with what to do about it
    #[command(
        after_help = "Example:\n  dlq-replayer triage orders-dlq --parse\n\nLooking is receiving: each message is hidden while the look lasts, given back at its end,\nand its receive count rises by one."
    )]
    Triage(Triage),
    /// List messages, one per line
    #[command(
        after_help = "Example:\n  dlq-replayer list orders-dlq --reason invalid_field --older-than 2h --limit 20"
    )]
    List(List),
    /// Show one message with all its attributes
    #[command(after_help = "Example:\n  dlq-replayer show orders-dlq 7d4a1f0e-2c5b-4a8e-9d61-0b3f6a9c1e22 --reveal")]
    Show(Show),
    /// Send messages again: to the source queue, another queue, or a bus; a dry run unless --execute
    #[command(
        after_help = "Examples:\n  dlq-replayer replay orders-dlq --reason panic\n  dlq-replayer replay orders-dlq --reason invalid_field --edit '.detail.data.first_name |= if . == \"\" then null else . end' --execute\n  dlq-replayer replay orders-dlq --resume last --execute"
    )]
    Replay(Replay),
    /// Move messages to another queue, unchanged; a dry run unless --execute
    #[command(
        after_help = "Example:\n  dlq-replayer move orders-dlq --to orders-quarantine --reason wrong_detail_type --execute"
    )]
    Move(Move),
    /// Write messages to a file, one JSON object per line, and leave them in the queue
    #[command(
        after_help = "Example:\n  dlq-replayer export orders-dlq letters.ndjson --newer-than 1d\n\nThe file holds personal data; only you may read it, and an existing file is never overwritten."
    )]
    Export(Export),
    /// Send the messages of a file to a queue; a dry run unless --execute
    #[command(after_help = "Example:\n  dlq-replayer import orders-dlq letters.ndjson --execute")]
    Import(Import),
    /// Write messages to a file, verify it, and delete them from the queue; a dry run unless --execute
    #[command(after_help = "Example:\n  dlq-replayer purge orders-dlq --archive old.ndjson --older-than 7d --execute")]
    Purge(Purge),
    /// Show the queue's counts and rates until Ctrl-C
    #[command(after_help = "Example:\n  dlq-replayer watch orders-dlq --every 5")]
    Watch(Watch),
    /// Show what earlier runs did
    #[command(after_help = "Example:\n  dlq-replayer history --limit 5")]
    History(History),
    /// Print a completion script
    #[command(after_help = "Example:\n  dlq-replayer completions bash > /etc/bash_completion.d/dlq-replayer")]
    Completions {
        /// The shell
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
