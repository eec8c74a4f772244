//! What one invocation did, once in the log and once as metrics.

use std::{collections::BTreeMap, time::Instant};

use jiff::Timestamp;
use rollcall_aws_runtime::metrics::{Metric, Metrics};

use crate::{poison::Poison, records::Reading, store::Outcome};

/// The figures of one batch, gathered as it goes.
pub(crate) struct Summary {
    began: Instant,
    size: usize,
    inserted: usize,
    duplicates: usize,
    statements: u32,
    trouble: Option<String>,
    sign_up_to_row_ms: Vec<f64>,
    dropped: BTreeMap<String, usize>,
}

impl Summary {
    pub(crate) fn begin(size: usize) -> Self {
        Self {
            began: Instant::now(),
            size,
            inserted: 0,
            duplicates: 0,
            statements: 0,
            trouble: None,
            sign_up_to_row_ms: Vec::new(),
            dropped: BTreeMap::new(),
        }
    }

    /// Counts a chunk. Users are counted as inserted, messages as duplicates.
    pub(crate) fn count(&mut self, outcome: &Outcome, reading: &Reading<'_>) {
        let arrivals = |sub| reading.arrivals.get(sub);
        let now = Timestamp::now();
        for arrival in outcome.inserted.iter().filter_map(arrivals) {
            self.duplicates += arrival.records.len() - 1;
            let took = arrival.event.metadata.occurred_at().map(|at| now.duration_since(at).as_secs_f64() * 1_000.0);
            self.sign_up_to_row_ms.extend(took);
        }
        self.duplicates +=
            outcome.already_present.iter().filter_map(arrivals).map(|arrival| arrival.records.len()).sum::<usize>();
        for (message_id, field) in &reading.dropped {
            tracing::warn!(
                message.id = message_id,
                field,
                "attribute dropped: the row has null, because no row can hold the value"
            );
            *self.dropped.entry((*field).to_owned()).or_default() += 1;
        }
        self.inserted += outcome.inserted.len();
        self.statements += outcome.statements;
        self.trouble = outcome.trouble.clone().or_else(|| self.trouble.take());
    }

    /// Says it all. `poison` are the messages that cannot become rows, `buried` of which are among the dead letters.
    pub(crate) fn end(self, poison: &[Poison<'_>], buried: usize, retry: usize, metrics: &Metrics) {
        for poison in poison {
            let (message_id, cause) = (poison.message_id, &poison.cause);
            tracing::error!(message.id = message_id, reason = cause.reason, detail = cause.detail, "poison");
            // What a reason is about can be anything, and every value of a dimension is paid for.
            let word = cause.reason.split(':').next().unwrap_or_default();
            metrics.emit_by("Reason", word, &[Metric::count("Poison", &1.0)]);
        }
        for (field, count) in &self.dropped {
            metrics.emit_by("Field", field, &[Metric::count("AttributeDropped", &number(*count))]);
        }
        if let Some(trouble) = &self.trouble {
            tracing::error!(trouble, "some of this batch is given back");
        }
        tracing::info!(
            batch.size = self.size,
            batch.inserted = self.inserted,
            batch.duplicates = self.duplicates,
            batch.poison = buried,
            batch.retry = retry,
            batch.statements = self.statements,
            duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "batch"
        );
        metrics.emit(&[
            Metric::count("Inserted", &number(self.inserted)),
            Metric::count("Duplicates", &number(self.duplicates)),
            Metric::count("Retried", &number(retry)),
            Metric::milliseconds("SignUpToRowMs", &self.sign_up_to_row_ms),
        ]);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a batch has thousands of messages")]
fn number(count: usize) -> f64 {
    count as f64
}
