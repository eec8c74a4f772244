//! `edit`: the bodies in a file, with the operator's own editor.

use std::io::{self, Write};

use jiff::Timestamp;
use tokio::signal::unix::SignalKind;

use super::{
    arguments,
    command_line::Global,
    confirm::{can_ask, read_line},
    document::{Document, Edited, check_editor, signals},
    files::incomplete,
    hints::{UsageError, going_on, hinted},
    original::Original,
};
use crate::{
    report::{
        exit::Exit,
        output::{messages, print_text, read_or_not, say},
        summary::undecided,
    },
    rules::edit_document::{nonce, parse, render},
    sqs::message::Message,
};

/// Opens the selected bodies of a file in the editor, and keeps what was changed.
///
/// # Errors
///
/// The file cannot be read or written, was changed meanwhile, the editor failed, or what it left cannot be read back:
/// then the file is as it was, and the operator's work is kept.
pub async fn edit(arguments: &arguments::Edit, global: &Global) -> anyhow::Result<Exit> {
    if global.json {
        return Err(UsageError("`edit` has no result to print as JSON; remove `--json`".to_owned()).into());
    }
    let selection = arguments.filters.selection(Timestamp::now())?.compile()?;
    let original = Original::open(&arguments.file)?;
    let all = original.messages()?;
    let limit = usize::try_from(arguments.filters.limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let chosen: Vec<_> = all.iter().filter(|message| selection.matches(message)).take(limit).collect();
    for text in incomplete(&original.path)?.into_iter().chain(undecided(selection.undecided())) {
        global.note(&text);
    }
    if chosen.is_empty() {
        print_text("no message matched\n")?;
        return Ok(Exit::NothingMatched);
    }
    check_editor()?;
    let nonce = nonce(&bodies(&chosen).map(|(_, body)| body), fastrand::u32(..));
    let mut document = Document::create(&original.path, render(bodies(&chosen), &nonce)).map_err(|error| {
        let safe = format!("{} is unchanged", arguments.file.display());
        going_on(error, &safe, "and run the command again")
    })?;
    let saved = match changed(&document, &nonce, &chosen).await {
        Ok(Some(changed)) if changed.is_empty() => Ok(Some(0)),
        Ok(Some(changed)) => original.save(&all, &changed).map(|()| Some(changed.len() as u64)),
        other => other.map(|_| None),
    };
    let file = arguments.file.display();
    match saved {
        Ok(Some(0)) => print_text("no body was changed\n")?,
        Ok(Some(count)) => {
            let diff = original.diff();
            let text = format!("{} changed in {file}; the difference is in {}\n", messages(count), diff.display());
            read_or_not(print_text(&text))?;
        }
        Ok(None) => {
            say(&format!("note: {file} is unchanged; your edit is in {}", document.keep()));
            return Ok(Exit::Interrupted);
        }
        Err(error) if document.has_work() => {
            let hint = format!("{file} is unchanged; your edit is in {}", document.keep());
            return Err(hinted(format!("{error:#}"), hint));
        }
        Err(error) => return Err(error),
    }
    Ok(Exit::Done)
}

/// The ids and bodies of messages.
fn bodies<'m>(messages: &'m [&Message]) -> impl Iterator<Item = (&'m str, &'m str)> + Clone {
    messages.iter().map(|message| (message.id.as_str(), message.body.as_str()))
}

/// The bodies that the operator changed; none when the operator stops before they can be read back.
async fn changed(
    document: &Document,
    nonce: &str,
    chosen: &[&Message],
) -> anyhow::Result<Option<Vec<(String, String)>>> {
    loop {
        if document.open().await? == Edited::Open {
            return Ok(None);
        }
        match parse(&document.text()?, nonce, bodies(chosen)) {
            Ok(changed) => return Ok(Some(changed)),
            Err(fault) if !can_ask() => return Err(fault.into()),
            Err(fault) => match ask(&fault.to_string()).await? {
                Answer::Again => {}
                Answer::No => return Err(fault.into()),
                Answer::Interrupted => return Ok(None),
            },
        }
    }
}

/// Whether the operator wants to go on editing.
enum Answer {
    Again,
    No,
    Interrupted,
}

async fn ask(fault: &str) -> anyhow::Result<Answer> {
    let [mut interrupt, mut quit, mut terminate, mut hangup] =
        signals([SignalKind::interrupt(), SignalKind::quit(), SignalKind::terminate(), SignalKind::hangup()])?;
    let mut stderr = io::stderr();
    write!(stderr, "error: {fault}\nType `yes` to edit again: ")?;
    let stopped = async {
        tokio::select! { _ = interrupt.recv() => {}, _ = quit.recv() => {}, _ = terminate.recv() => {}, _ = hangup.recv() => {} }
    };
    tokio::select! {
        answer = read_line() => Ok(if answer?.trim() == "yes" { Answer::Again } else { Answer::No }),
        () = stopped => {
            // The terminal's cursor is still behind the question; a closed terminal has none.
            let _ = writeln!(stderr);
            Ok(Answer::Interrupted)
        }
    }
}
