//! Selection and treatment of a run as they were written: what a journal keeps and `--resume` repeats.

use std::{fs, path::PathBuf};

use anyhow::Context;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    arguments::{Changes, Destinations, Losses},
    hints::{UsageError, hinted},
    options::Filters,
};
use crate::{
    journal::past,
    rules::{decide::Contract, jq::Jq, select::SelectionText},
};

/// What a run was asked to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Written {
    /// Which messages.
    pub selection: SelectionText,
    /// How many at most.
    pub limit: Option<u64>,
    /// The change of each body.
    pub edit: Option<String>,
    /// Which bodies are validated.
    pub contract: Option<Contract>,
    /// Replays after which a message is refused.
    pub max_replays: Option<u32>,
    /// The file with repaired bodies.
    pub from: Option<PathBuf>,
    /// The queue to send to.
    pub to: Option<String>,
    /// The bus to put events on.
    pub to_bus: Option<String>,
    /// The function to invoke.
    pub to_lambda: Option<String>,
    /// Whether events may be dropped by the bus.
    pub allow_unmatched: bool,
    /// Whether attributes may be lost.
    pub drop_attributes: bool,
    /// Where messages go that were replayed too often.
    pub quarantine: Option<String>,
    /// The archive.
    pub archive: Option<PathBuf>,
}

impl Written {
    /// What filters say.
    ///
    /// # Errors
    ///
    /// An age cannot be read.
    pub fn of_filters(filters: &Filters) -> anyhow::Result<Self> {
        Ok(Self { selection: filters.selection(Timestamp::now())?, limit: filters.limit, ..Self::default() })
    }

    /// Adds where messages go.
    #[must_use]
    pub fn with_destinations(self, destinations: &Destinations, losses: Losses) -> Self {
        let Destinations { to, to_bus, to_lambda, quarantine } = destinations.clone();
        let Losses { allow_unmatched, drop_attributes } = losses;
        Self { to, to_bus, to_lambda, allow_unmatched, drop_attributes, quarantine, ..self }
    }

    /// Adds what is changed and accepted.
    ///
    /// # Errors
    ///
    /// The file with the edit cannot be read; [`UsageError`] when it is not jq.
    pub fn with_changes(self, changes: &Changes) -> anyhow::Result<Self> {
        let edit = match &changes.edit_file {
            Some(path) => {
                let text = fs::read_to_string(path);
                let text = text.with_context(|| format!("cannot read the edit in {}", path.display()))?;
                Jq::compile(&text).map_err(|fault| UsageError(format!("{}: {fault}", path.display())))?;
                Some(text)
            }
            None => changes.edit.clone(),
        };
        let from = changes.from.as_ref().map(std::path::absolute).transpose()?;
        Ok(Self { edit, from, contract: changes.contract.map(Into::into), max_replays: changes.max_replays, ..self })
    }

    /// What an earlier run was asked to do, instead of what the flags say.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when flags say something, too; or there is no such run.
    pub fn or_resumed(self, folder: &std::path::Path, resume: Option<&str>, command: &str) -> anyhow::Result<Self> {
        let Some(run) = resume else { return Ok(self) };
        if self != Self::default() {
            let text = "`--resume` repeats the selection and treatment of the earlier run; remove the other flags";
            return Err(UsageError(text.to_owned()).into());
        }
        let begin = past::resolve(folder, run, command)
            .map_err(|error| hinted(format!("{error:#}"), "`dlq-replayer history` lists the runs"))?;
        serde_json::from_value(begin.plan).with_context(|| format!("the journal of {run} cannot be read"))
    }
}
