//! What a run found out, as it stands in the JSON document.

use std::time::Duration;

use jiff::Timestamp;
use pipeline_tests::dead_letters::Scene;
use serde::Serialize;
use uuid::Uuid;

/// One run. All times are milliseconds.
#[derive(Serialize)]
pub(crate) struct Report {
    /// People who signed up and confirmed.
    pub(crate) users: usize,
    /// Rows of those people.
    pub(crate) rows: usize,
    /// People with exactly one row; a run succeeds when it is all of them.
    pub(crate) users_with_exactly_one_row: usize,
    /// From the call of ConfirmSignUp to the insert of the row.
    pub(crate) confirm_to_row_ms: Option<Distribution>,
    /// How long ConfirmSignUp took, the trigger included.
    pub(crate) confirm_call_ms: Option<Distribution>,
    /// How long it took to start the stack.
    pub(crate) preparation: Prepared,
    /// Where each person was when.
    pub(crate) journeys: Vec<Journey>,
    /// The table, read back.
    pub(crate) table: Vec<TableRow>,
    /// The second act: what an operator with the replayer typed and saw.
    pub(crate) dead_letters: Vec<Scene>,
}

/// How long it took to start the stack, and its parts, which overlap.
#[derive(Serialize)]
pub(crate) struct Prepared {
    pub(crate) total_ms: f64,
    pub(crate) steps: Vec<PreparedStep>,
}

#[derive(Serialize)]
pub(crate) struct PreparedStep {
    pub(crate) name: String,
    pub(crate) ms: f64,
}

/// One person's way, counted from the call of ConfirmSignUp.
#[derive(Serialize)]
pub(crate) struct Journey {
    pub(crate) name: String,
    pub(crate) cognito_sub: Uuid,
    pub(crate) rows: usize,
    /// The trigger has read the event. None if the event did not come out of the bus.
    pub(crate) producer_ms: Option<f64>,
    /// The rule has put the event on a queue.
    pub(crate) queued_ms: Option<f64>,
    /// The consumer's insert has begun. None if there is no row.
    pub(crate) row_ms: Option<f64>,
    /// Cognito has answered the person.
    pub(crate) answered_ms: f64,
}

/// One row as SQL gives it.
#[derive(Serialize)]
pub(crate) struct TableRow {
    pub(crate) cognito_sub: Uuid,
    pub(crate) email: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) is_active: bool,
    pub(crate) created_at: Timestamp,
}

/// Times of many people.
#[derive(Serialize)]
pub(crate) struct Distribution {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) p95: f64,
    pub(crate) most: f64,
}

impl Report {
    pub(crate) fn new(preparation: Prepared, journeys: Vec<Journey>, table: Vec<TableRow>) -> Self {
        Self {
            users: journeys.len(),
            rows: table.len(),
            users_with_exactly_one_row: journeys.iter().filter(|journey| journey.rows == 1).count(),
            confirm_to_row_ms: Distribution::of(journeys.iter().filter_map(|journey| journey.row_ms).collect()),
            confirm_call_ms: Distribution::of(journeys.iter().map(|journey| journey.answered_ms).collect()),
            preparation,
            journeys,
            table,
            dead_letters: Vec::new(),
        }
    }

    pub(crate) fn every_user_has_exactly_one_row(&self) -> bool {
        self.users > 0 && self.users_with_exactly_one_row == self.users
    }
}

impl Prepared {
    pub(crate) fn new(total: Duration, steps: Vec<(String, Duration)>) -> Self {
        let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let steps = steps.into_iter().map(|(name, took)| PreparedStep { name, ms: ms(took) }).collect();
        Self { total_ms: ms(total), steps }
    }
}

impl Distribution {
    /// None of nothing. Percentiles are of the nearest rank, so each is a time that somebody really had.
    pub(crate) fn of(mut times: Vec<f64>) -> Option<Self> {
        times.sort_by(f64::total_cmp);
        let rank = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        Some(Self { least: rank(0)?, median: rank(50)?, p95: rank(95)?, most: rank(100)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_somebody_had() {
        let distribution = Distribution::of((1..=20).rev().map(f64::from).collect()).unwrap();
        let shown = serde_json::to_string(&distribution).unwrap();
        assert_eq!(shown, r#"{"least":1.0,"median":10.0,"p95":19.0,"most":20.0}"#);
        assert!(Distribution::of(Vec::new()).is_none());
    }
}
