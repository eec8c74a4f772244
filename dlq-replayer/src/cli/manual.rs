//! Completion scripts and the manual page, made from the command line's own definition.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::cli::command_line::{Cli, CompletedShell};

/// Writes the completion script of a shell.
pub fn completions(shell: CompletedShell, out: &mut impl Write) {
    clap_complete::generate(clap_complete::Shell::from(shell), &mut Cli::command(), "dlq-replayer", out);
}

/// Writes the manual page: the program's, then one for each command.
///
/// # Errors
///
/// `out` is closed.
pub fn man(out: &mut impl Write) -> io::Result<()> {
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(out)?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        clap_mangen::Man::new(subcommand.clone()).render(out)?;
    }
    Ok(())
}
