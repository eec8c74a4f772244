//! The question before many messages are touched.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    thread,
};

use anyhow::Context;
use tokio::sync::oneshot;

use super::hints::hinted;
use crate::{
    report::{
        exit::Exit,
        output::{grouped, messages},
    },
    run::interrupt::Interrupt,
    sqs::queue::Depth,
};

/// Messages above which a run asks before it begins.
const ASK_ABOVE: u64 = 100;

/// What is about to happen.
pub struct Question<'a> {
    /// The command.
    pub command: &'a str,
    /// The most messages that it touches.
    pub count: u64,
    /// What the queue counts, where it is one.
    pub depth: Option<Depth>,
    /// Where messages come from.
    pub from: String,
    /// Where they go.
    pub to: &'a str,
}

impl Question<'_> {
    /// Whether it is asked, given whether the operator has said yes in advance.
    pub fn is_asked(&self, yes: bool) -> bool {
        !yes && self.count > ASK_ABOVE
    }
}

/// Asks a question. Gives back how to end when the operator interrupts.
///
/// # Errors
///
/// The answer is no, or there is no terminal to ask at.
pub async fn confirm(question: &Question<'_>, interrupt: &Interrupt) -> anyhow::Result<Option<Exit>> {
    let Question { command, count, depth, from, to } = question;
    let hidden = depth.map_or(0, |depth| depth.in_flight + depth.delayed);
    let hidden = if hidden > 0 { format!(", {} of them hidden at the moment", grouped(hidden)) } else { String::new() };
    let what = format!("{command} up to {}{hidden}\nfrom {from}\nto   {to}", messages(*count));
    // A question that goes into a log file is never answered.
    let missing = if io::stdin().is_terminal() { "stderr" } else { "stdin" };
    if !can_ask() {
        return Err(hinted(
            format!("{missing} is not a terminal, and this would {command} up to {} from {from}", messages(*count)),
            "pass `--yes` to confirm",
        ));
    }
    let mut stderr = io::stderr();
    write!(stderr, "{what}\nType `yes` to continue: ").context("cannot ask for confirmation")?;
    tokio::select! {
            answer = read_line() => match answer?.trim() {
                "yes" => Ok(None),
                _ => Err(hinted("not confirmed; nothing was sent or deleted", "type `yes`, or pass `--yes`")),
            },
            () = interrupt.asked() => {
                // The terminal's cursor is still behind the question.
                let _ = writeln!(stderr);
                Ok(Some(Exit::Interrupted))
            }
    }
}

/// Whether there is a terminal to ask at and one to read the answer from.
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Reads a line without keeping the signals from being heard.
///
/// # Errors
///
/// Standard input cannot be read.
pub async fn read_line() -> anyhow::Result<String> {
    let (read, line) = oneshot::channel();
    thread::spawn(move || {
        let mut text = String::new();
        // An answer that comes too late has no reader.
        let _ = read.send(io::stdin().lock().read_line(&mut text).map(|_| text));
    });
    Ok(line.await.context("cannot read the answer")??)
}
