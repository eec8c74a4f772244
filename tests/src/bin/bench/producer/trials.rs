//! Starting the programs: interleaved, each in a process of its own.

use std::time::Duration;

use anyhow::Context;
use pipeline_tests::cold_start::{Life, Program, Programs, PutEvents, Quota, live};

use super::{
    PROGRAMS, name,
    runs::{Conditions, Run},
};
use crate::{say, statistics::Spread};

/// What PutEvents takes where it takes its time: a usual answer within a Region.
const DELAY: Duration = Duration::from_millis(10);

/// Events after the first.
const WARM: u32 = 50;

/// A person who confirms a sign-up.
const EVENT: &str = include_str!("../../../../../producer/fixtures/cognito/01-email-pool.json");

/// Starts every program so many times under all conditions, in another order each time.
pub(crate) async fn all(programs: &Programs, repetitions: u32) -> anyhow::Result<Vec<Run>> {
    let (prompt, slow) = (PutEvents::start(Duration::ZERO)?, PutEvents::start(DELAY)?);
    let quota = Quota::create().inspect_err(|error| say(&format!("  no figures for a small function: {error:#}"))).ok();
    let mut places = vec![
        Place { conditions: Conditions::Whole, endpoint: &prompt, quota: None },
        Place { conditions: Conditions::Delayed, endpoint: &slow, quota: None },
    ];
    places.extend(quota.as_ref().map(|quota| Place {
        conditions: Conditions::Limited,
        endpoint: &prompt,
        quota: Some(quota),
    }));
    let mut runs = Vec::new();
    // The first start of each reads its files from the disk, which is not what is compared.
    for repetition in 0..=repetitions {
        say(&format!("  {repetition} of {repetitions}"));
        for place in &places {
            let mut order = PROGRAMS;
            fastrand::Rng::with_seed(u64::from(repetition)).shuffle(&mut order);
            for program in order {
                let run = place.start(programs, program, repetition).await;
                runs.push(run.with_context(|| format!("{} under {:?}", name(program), place.conditions))?);
            }
        }
    }
    runs.retain(|run| run.repetition > 0);
    Ok(runs)
}

/// Where a program runs.
struct Place<'a> {
    conditions: Conditions,
    endpoint: &'a PutEvents,
    quota: Option<&'a Quota>,
}

impl Place<'_> {
    async fn start(&self, programs: &Programs, program: Program, repetition: u32) -> anyhow::Result<Run> {
        let function = programs.function(program, self.endpoint)?;
        let before = self.endpoint.seen();
        let events = WARM + 1;
        let life = live(&function, EVENT.trim_end(), usize::try_from(events)?, self.quota).await?;
        let after = self.endpoint.seen();
        let Life { init, answers, processor, peak_kib } = life;
        let (first, warm) = answers.split_first().context("no event was answered")?;
        let [init_processor, cold_processor] = processor.try_into().ok().context("no processor time was read")?;
        let warm_ms: Vec<f64> = warm.iter().copied().map(milliseconds).collect();
        Ok(Run {
            conditions: self.conditions,
            program,
            repetition,
            init_ms: milliseconds(init),
            first_ms: milliseconds(*first),
            init_processor_ms: milliseconds(init_processor),
            cold_processor_ms: milliseconds(cold_processor),
            warm_median_ms: Spread::of(warm_ms.iter().copied()).context("no warm invocation")?.median,
            warm_ms,
            peak_mib: f64::from(u32::try_from(peak_kib)?) / 1_024.0,
            events,
            published: after.events - before.events,
            handshakes: after.handshakes - before.handshakes,
        })
    }
}

fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}
