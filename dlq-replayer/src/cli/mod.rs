//! The command line: one file for each command, from its arguments to its report.

pub mod arguments;
pub mod changing;
pub mod command_line;
pub mod config;
pub mod confirm;
pub mod document;
pub mod edit;
pub mod export;
pub mod files;
pub mod hints;
pub mod history;
pub mod import;
pub mod letters;
pub mod list;
pub mod manual;
pub mod move_messages;
mod no_answer;
pub mod options;
pub mod original;
pub mod permissions;
pub mod preflight;
pub mod preview;
pub(crate) mod profile;
pub mod pull;
pub mod purge;
pub mod replay;
pub mod session;
pub mod show;
pub mod triage;
pub mod watch;
pub mod written;

use std::path::Path;

use command_line::{Cli, Command, Global};
use session::Session;

use crate::{
    report::{exit::Exit, output::say, progress::Shown},
    run::interrupt::Interrupt,
};

/// Does what the command line says.
///
/// # Errors
///
/// Whatever went wrong; [`hints::explain`] says what to do about it.
pub async fn execute(cli: &Cli) -> anyhow::Result<Exit> {
    let global = &cli.global;
    if !matches!(cli.command, Command::Completions { .. } | Command::Man) && !global.quiet {
        note_ignored_folders();
    }
    match &cli.command {
        Command::Triage(arguments) => {
            with_session(global, async |session| triage::triage(session, arguments).await).await
        }
        Command::List(arguments) => with_session(global, async |session| list::list(session, arguments).await).await,
        Command::Show(arguments) => with_session(global, async |session| show::show(session, arguments).await).await,
        Command::Replay(arguments) => {
            with_session(global, async |session| Box::pin(replay::replay(session, arguments)).await).await
        }
        Command::Move(arguments) => {
            with_session(global, async |session| move_messages::move_messages(session, arguments).await).await
        }
        Command::Pull(arguments) => with_session(global, async |session| pull::pull(session, arguments).await).await,
        Command::Export(arguments) => {
            with_session(global, async |session| export::export(session, arguments).await).await
        }
        Command::Import(arguments) => {
            with_session(global, async |session| import::import(session, arguments).await).await
        }
        Command::Purge(arguments) => with_session(global, async |session| purge::purge(session, arguments).await).await,
        Command::Preflight(arguments) => {
            with_session(global, async |session| preflight::preflight(session, arguments).await).await
        }
        Command::Watch(arguments) => {
            let ended = with_session(global, async |session| watch::watch(session, arguments).await).await;
            // Ctrl-C is how it ends.
            ended.map(|exit| if exit == Exit::Interrupted { Exit::Done } else { exit })
        }
        Command::Edit(arguments) => edit::edit(arguments, global).await,
        Command::History(arguments) => history::history(arguments, global),
        Command::Completions { shell } => manual::completions(*shell),
        Command::Man => manual::man(),
    }
}

/// A folder that is not absolute is ignored, and another one is used; a journal that was looked for would not be found.
/// Source: "XDG Base Directory Specification".
fn note_ignored_folders() {
    for name in ["XDG_CONFIG_HOME", "XDG_STATE_HOME"] {
        let folder = std::env::var_os(name).filter(|folder| !folder.is_empty());
        if folder.is_some_and(|folder| !Path::new(&folder).is_absolute()) {
            say(&format!("note: {name} is not an absolute path and is ignored"));
        }
    }
}

/// Runs a command that talks to AWS. Its error tells what to do in the Region that was asked.
async fn with_session(
    global: &Global,
    command: impl AsyncFnOnce(&Session<'_>) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let session = Session::begin(global, Interrupt::listen(global.shown())?).await?;
    let command = session.interrupt.or_stop(Box::pin(command(&session)));
    let ended = match global.shown() {
        Shown::Quiet => command.await,
        Shown::Yes => tokio::select! {
            ended = command => ended,
            () = no_answer::tell(&session) => None,
        },
    };
    ended.unwrap_or(Ok(Exit::Interrupted)).map_err(|error| hints::explained(error, &session.asked))
}
