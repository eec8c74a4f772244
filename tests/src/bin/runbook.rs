//! `runbook`: plays the story of the dead letters on a stack of its own, and writes the transcript into `docs/runbook.md`.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use pipeline_tests::{
    Options, Stack,
    dead_letters::{Scene, Story},
};

/// The page.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/runbook.md");

/// What stands before the transcript in the page; everything behind it is written anew.
const MARK: &str = "<!-- from here on written by `cargo xtask runbook` -->\n";

/// Dead letters of the story.
const POISON: usize = 1_000;

fn main() -> ExitCode {
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody reads it: nothing to be done.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> anyhow::Result<()> {
    let page = Path::new(PAGE);
    let text = fs::read_to_string(page).with_context(|| format!("reading {}", page.display()))?;
    let (head, _) = text.split_once(MARK).context("the page has no mark for the transcript")?;
    let mut transcript = String::new();
    let stack = Stack::start(&Options::default(), &|_| ())?;
    let mut tell = |scene: &Scene| {
        let _ = writeln!(io::stderr(), "{}", scene.command);
        let Scene { why, command, output, code } = scene;
        // Writing to a String does not fail.
        let _ = write!(transcript, "\n{why}\n\n```console\n$ {command}\n{}\n```\n", output.trim_end());
        if *code != 0 {
            let _ = writeln!(transcript, "\nIts exit code is {code}.");
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(Story::new(&stack, &mut tell)?.tell(POISON))?;
    stack.stop();
    fs::write(page, format!("{head}{MARK}{transcript}")).with_context(|| format!("writing {}", page.display()))
}
