//! What is seen of a deployment, second by second.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use pipeline_tests::queues::{Depth, dead_letters, depth};
use sqlx::{Connection, PgConnection, Row};

use crate::setup::{Kind, Setup};

/// One look at a deployment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Since the run began.
    pub(crate) at: Duration,
    /// People who had signed up by then.
    pub(crate) signed_up: usize,
    /// None while the database does not answer.
    pub(crate) rows: Option<usize>,
    /// The consumer's queue.
    pub(crate) queue: Depth,
    /// The dead letters.
    pub(crate) dead: Dead,
}

/// Dead letters by what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dead {
    /// Sign-ups that could be rows.
    pub(crate) healthy: usize,
    /// Messages that never could.
    pub(crate) poison: usize,
}

impl Dead {
    /// All of them.
    pub(crate) fn total(self) -> usize {
        self.healthy + self.poison
    }
}

/// Everything that was seen of one deployment.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) kind: Kind,
    pub(crate) samples: Vec<Sample>,
}

impl Track {
    /// Looks once more and remembers it.
    pub(crate) async fn look(&mut self, setup: &Setup, began: Instant, signed_up: usize) -> anyhow::Result<Sample> {
        let sqs = &setup.clients.sqs;
        let queue = depth(sqs, &setup.stack.outputs.queue_url).await?;
        let dead_total = usize::try_from(depth(sqs, &setup.stack.outputs.dlq_url).await?.total())?;
        let known = self.samples.last().map(|last| last.dead).unwrap_or_default();
        // Their bodies are read only when there are others: hundreds of them every second would be most of the load.
        let dead = if dead_total == known.total() { known } else { tokio::task::block_in_place(|| sort(setup))? };
        let rows = rows(&setup.stack.database_url).await.ok();
        let sample = Sample { at: began.elapsed(), signed_up, rows, queue, dead };
        self.samples.push(sample);
        Ok(sample)
    }
}

fn sort(setup: &Setup) -> anyhow::Result<Dead> {
    let letters = dead_letters(&setup.stack)?;
    let healthy = letters.iter().filter(|letter| letter.is_healthy()).count();
    Ok(Dead { healthy, poison: letters.len() - healthy })
}

async fn rows(database: &str) -> anyhow::Result<usize> {
    let mut connection = PgConnection::connect(database).await?;
    let count: i64 = sqlx::query("select count(*) from users").fetch_one(&mut connection).await?.try_get(0)?;
    connection.close().await?;
    Ok(usize::try_from(count)?)
}

/// The samples of all deployments as CSV, in the order in which they were taken.
pub(crate) fn csv(tracks: &[Track]) -> String {
    let mut lines: Vec<(Duration, String)> = tracks
        .iter()
        .flat_map(|track| track.samples.iter().map(|sample| (sample.at, line(track.kind, sample))))
        .collect();
    lines.sort_by_key(|(at, _)| *at);
    let mut text =
        "second,deployment,signed_up,rows,queue_visible,queue_in_flight,dead_healthy,dead_poison\n".to_owned();
    text.extend(lines.into_iter().map(|(_, line)| line));
    text
}

fn line(kind: Kind, sample: &Sample) -> String {
    let rows = sample.rows.map_or_else(String::new, |rows| rows.to_string());
    let Sample { at, signed_up, queue, dead, .. } = sample;
    let mut line = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        line,
        "{:.1},{},{signed_up},{rows},{},{},{},{}",
        at.as_secs_f64(),
        kind.name(),
        queue.visible,
        queue.in_flight,
        dead.healthy,
        dead.poison
    );
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_of_both_deployments_stand_in_the_order_of_time_and_unknown_rows_are_empty() {
        let sample = |seconds, rows| Sample {
            at: Duration::from_secs(seconds),
            signed_up: 4,
            rows,
            queue: Depth { visible: 1, in_flight: 2 },
            dead: Dead { healthy: 0, poison: 3 },
        };
        let usual = Track { kind: Kind::Usual, samples: vec![sample(1, Some(4)), sample(3, None)] };
        let ours = Track { kind: Kind::Ours, samples: vec![sample(2, Some(4))] };
        let text = csv(&[usual, ours]);
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(lines, ["1.0,usual,4,4,1,2,0,3", "2.0,rollcall,4,4,1,2,0,3", "3.0,usual,4,,1,2,0,3"]);
    }
}
