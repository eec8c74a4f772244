//! Completion scripts and the manual page, made from the command line's own definition.

use clap::CommandFactory;

use super::command_line::{Cli, CompletedShell};
use crate::report::{exit::Exit, output::print_text};

/// Prints the completion script of a shell.
///
/// # Errors
///
/// Standard output cannot be written.
pub fn completions(shell: CompletedShell) -> anyhow::Result<Exit> {
    // The generator panics when it cannot write, and memory can always be written.
    let mut script = Vec::new();
    clap_complete::generate(clap_complete::Shell::from(shell), &mut Cli::command(), "dlq-replayer", &mut script);
    print_text(&String::from_utf8(script)?)?;
    Ok(Exit::Done)
}

/// Prints the manual page: the program's, then one for each command.
///
/// # Errors
///
/// Standard output cannot be written.
pub fn man() -> anyhow::Result<Exit> {
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        clap_mangen::Man::new(subcommand.clone()).render(&mut page)?;
    }
    print_text(&String::from_utf8(page)?)?;
    Ok(Exit::Done)
}
