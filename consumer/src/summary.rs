//! What one invocation did, once in the log and once as metrics.

use std::{collections::BTreeMap, time::Instant};

use jiff::Timestamp;
use rollcall_aws_runtime::metrics::{Metric, Metrics};
use rollcall_events::CognitoSub;

use crate::{
    batch::Batch,
    poison::Poison,
    records::Reading,
    store::{Outcome, Search},
};

/// The figures of one batch, gathered as it goes.
pub(crate) struct Summary {
    began: Instant,
    size: usize,
    inserted: usize,
    duplicates: usize,
    statements: u32,
    trouble: Option<String>,
    fault: Option<String>,
    unfit: usize,
    sign_up_to_row_ms: Vec<f64>,
    dropped: BTreeMap<String, usize>,
}

impl Summary {
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
            size: 0,
            inserted: 0,
            duplicates: 0,
            statements: 0,
            trouble: None,
            fault: None,
            unfit: 0,
            sign_up_to_row_ms: Vec::new(),
            dropped: BTreeMap::new(),
        }
    }

    /// Counts what a chunk has, and names the attributes that the rows have null for.
    pub(crate) fn read(&mut self, reading: &Reading<'_>, batch: &Batch<'_>) {
        self.size += reading.messages;
        for (at, field) in &reading.dropped {
            tracing::warn!(
                message.id = batch.get(*at).map(|message| message.id.as_ref()),
                field,
                "attribute dropped: the row has null, because no row can hold the value"
            );
            *self.dropped.entry((*field).to_owned()).or_default() += 1;
        }
    }

    /// Counts what became of users of a chunk: users as inserted, messages as duplicates.
    pub(crate) fn count(&mut self, outcome: &Outcome, reading: &Reading<'_>) {
        let now = Timestamp::now();
        for sub in &outcome.inserted {
            let arrivals = reading.about(*sub);
            self.duplicates += arrivals.len().saturating_sub(1);
            let occurred_at = arrivals.first().and_then(|arrival| arrival.event.metadata.occurred_at());
            self.sign_up_to_row_ms.extend(occurred_at.map(|at| now.duration_since(at).as_secs_f64() * 1_000.0));
        }
        let messages = |subs: &[CognitoSub]| subs.iter().map(|sub| reading.about(*sub).len()).sum::<usize>();
        self.duplicates += messages(&outcome.already_present);
        self.unfit += messages(&outcome.unfit);
        self.inserted += outcome.inserted.len();
    }

    /// Takes over what the search has met.
    pub(crate) fn searched(&mut self, search: &Search<'_>) {
        self.statements = search.statements();
        self.trouble = search.trouble().map(str::to_owned);
        self.fault = search.fault().map(str::to_owned);
    }

    /// Says it all, once the answer is known.
    pub(crate) fn end(self, buried: usize, retry: usize, metrics: &Metrics) {
        for (field, count) in &self.dropped {
            metrics.emit_by("Field", field, &[Metric::count("AttributeDropped", &number(*count))]);
        }
        if let Some(trouble) = &self.trouble {
            tracing::error!(trouble, "database unavailable; retrying later");
        }
        if let Some(trouble) = &self.fault {
            tracing::error!(trouble, messages = self.unfit, "table does not fit; retrying later");
            metrics.emit(&[Metric::count("TableUnfit", &number(self.unfit))]);
        }
        tracing::info!(
            batch.size = self.size,
            batch.inserted = self.inserted,
            batch.duplicates = self.duplicates,
            batch.poison = buried,
            batch.retry = retry,
            batch.statements = self.statements,
            duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "batch processed"
        );
        metrics.emit(&[
            Metric::count("Inserted", &number(self.inserted)),
            Metric::count("Duplicates", &number(self.duplicates)),
            Metric::count("Retried", &number(retry)),
            Metric::milliseconds("SignUpToRowMs", &self.sign_up_to_row_ms),
        ]);
    }
}

/// Says of each poison message why it can never become a row.
pub(crate) fn report_poison(poison: &[Poison], batch: &Batch<'_>, metrics: &Metrics) {
    for Poison { at, cause } in poison {
        let message_id = batch.get(*at).map(|message| message.id.as_ref());
        tracing::error!(
            message.id = message_id,
            reason = cause.reason,
            detail = cause.detail,
            "message can never become a row"
        );
        // What a reason is about can be anything, and every value of a dimension is paid for.
        let word = cause.reason.split(':').next().unwrap_or_default();
        metrics.emit_by("Reason", word, &[Metric::count("Poison", &1.0)]);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a batch has thousands of messages")]
fn number(count: usize) -> f64 {
    count as f64
}
