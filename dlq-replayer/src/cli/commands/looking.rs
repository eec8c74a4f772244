//! The commands that look and change nothing.

use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;

use super::{Session, reveal, selection};
use crate::{
    cli::arguments,
    report::exit::Exit,
    report::export::ExportReport,
    report::list::{Line, ListReport, ShowReport},
    report::output::print,
    report::triage::Triage,
    report::watch::watch,
    rules::select::Selection,
    run::scan::Look,
    sqs::archive::ArchiveFile,
    sqs::message::{Message, MessageKey},
    sqs::queue::Queue,
};

/// Messages that `list` shows when nothing else is said.
const LISTED: u64 = 100;

impl Session<'_> {
    pub(super) async fn triage(&self, queue: &Queue, arguments: &arguments::Triage) -> anyhow::Result<Exit> {
        let selection = selection(&arguments.filters)?;
        let facts = queue.facts().await?;
        let mut triage = Triage::new(arguments.parse, reveal(arguments.reveal));
        let most = arguments.filters.limit.unwrap_or(arguments.most);
        self.scan(queue)
            .visit(|message| {
                if selection.takes(message, Timestamp::now()) {
                    triage.add(message);
                } else {
                    triage.pass();
                }
                if triage.looked_at() < most { Look::On } else { Look::Enough }
            })
            .await?;
        let report = triage.report(queue.address.clone(), &facts, Timestamp::now());
        let found = report.meant;
        self.print(&report, found)
    }

    pub(super) async fn list(&self, queue: &Queue, arguments: &arguments::List) -> anyhow::Result<Exit> {
        let selection = selection(&arguments.filters)?;
        let most = arguments.filters.limit.unwrap_or(LISTED);
        let mut messages = Vec::new();
        self.visit(queue, &selection, most, |message| {
            messages.push(Line::of(message, Timestamp::now(), reveal(arguments.reveal)));
            Ok(())
        })
        .await?;
        let found = messages.len() as u64;
        self.print(&ListReport { messages }, found)
    }

    pub(super) async fn show(&self, queue: &Queue, arguments: &arguments::Show) -> anyhow::Result<Exit> {
        let selection = Selection { ids: [MessageKey::of(&arguments.id)].into(), ..Selection::default() };
        let mut shown = None;
        self.visit(queue, &selection, 1, |message| {
            shown = Some(ShowReport::of(message, reveal(arguments.reveal)));
            Ok(())
        })
        .await?;
        let report = shown.with_context(|| {
            format!("no message `{}` was seen in `{}`; somebody else may hold it", arguments.id, queue.address.name)
        });
        match report {
            Ok(report) => self.print(&report, 1),
            Err(error) => {
                crate::report::output::say(&format!("{error}"));
                Ok(Exit::NothingMatched)
            }
        }
    }

    pub(super) async fn export(&self, queue: &Queue, arguments: &arguments::Export) -> anyhow::Result<Exit> {
        let selection = selection(&arguments.filters)?;
        let file = ArchiveFile::create(&arguments.file)?;
        let mut exported = 0;
        let most = arguments.filters.limit.unwrap_or(u64::MAX);
        self.visit(queue, &selection, most, |message| {
            exported += 1;
            file.append(std::iter::once(message)).map(|_| ()).map_err(Into::into)
        })
        .await?;
        let report =
            ExportReport { queue: queue.address.arn.clone(), file: arguments.file.display().to_string(), exported };
        self.print(&report, exported)
    }

    pub(super) async fn watch(&self, queue: &Queue, arguments: &arguments::Watch) -> anyhow::Result<Exit> {
        let every = Duration::from_secs(arguments.every);
        watch(queue, every, arguments.looks, &self.interrupt, |report| print(report, self.global.json)).await?;
        Ok(Exit::Done)
    }

    async fn visit(
        &self,
        queue: &Queue,
        selection: &Selection,
        most: u64,
        mut visit: impl FnMut(&Message) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let (mut found, mut fault) = (0, None);
        self.scan(queue)
            .visit(|message| {
                if selection.takes(message, Timestamp::now()) {
                    found += 1;
                    fault = visit(message).err();
                }
                let enough = found >= most || fault.is_some() || selection.is_complete_with(found);
                if enough { Look::Enough } else { Look::On }
            })
            .await?;
        fault.map_or(Ok(()), Err)
    }
}
