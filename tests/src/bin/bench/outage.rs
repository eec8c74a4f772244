//! The outage: people sign up all the time, and for some minutes there is no database.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use jiff::Timestamp;
use pipeline_tests::{
    messages::about,
    queues::{dead_letters, send},
    summaries,
};
use serde_json::json;
use sqlx::{Connection, PgConnection, Row};
use tokio::{
    runtime::Runtime,
    time::{MissedTickBehavior, interval},
};
use uuid::Uuid;

use crate::{
    Verdict,
    figures::{self, Figures},
    graph, say,
    setup::{Kind, Setup},
    track::{Track, csv},
};

/// Time between two looks, and between two sign-ups of [`PER_TICK`] people.
const TICK: Duration = Duration::from_secs(1);

/// People who sign up at each tick.
pub(crate) const PER_TICK: usize = 2;

/// Ticks between two poison messages.
const POISON_EVERY: usize = 60;

/// How long everything goes well before the outage, and how long people go on signing up after it.
const CALM: Duration = Duration::from_mins(1);

/// Longest wait for empty queues after the last sign-up: the cap of the back-off, and as much again for the work.
const DRAINED_WITHIN: Duration = Duration::from_mins(6);

/// Looks in a row that must find a queue empty before it counts as drained.
const EMPTY_LOOKS: usize = 3;

/// Of these people, those with exactly one row.
const WITH_ONE_ROW: &str = "\
select count(*) from (select from users where cognito_sub = any($1) group by cognito_sub having count(*) = 1) as ones";

/// When the last of these people got their row, in milliseconds.
const LAST_ROW: &str =
    "select (extract(epoch from max(created_at)) * 1000)::bigint from users where cognito_sub = any($1)";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long there is no database.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=120))]
    minutes: u64,
    /// Messages that one invocation takes at most, in both deployments.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch_size: u32,
    /// Seconds that a batch may wait to fill; 0 only up to ten messages.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=20))]
    batch_window: u32,
    /// The folder that `outage.svg` and `outage.csv` are written to.
    #[arg(long, default_value = "docs")]
    into: PathBuf,
}

/// When what happens, since the run began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The databases stop.
    pub(crate) down: Duration,
    /// They start again.
    pub(crate) up: Duration,
    /// The last people sign up.
    pub(crate) quiet: Duration,
}

impl Plan {
    /// How long there is no database.
    pub(crate) fn outage(&self) -> Duration {
        self.up.saturating_sub(self.down)
    }
}

/// Whether there is a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Database {
    Up,
    Down,
    /// Since when, on the clock that rows are stamped with.
    UpAgain(Timestamp),
}

/// Who signed up, and when; the same people in both deployments.
#[derive(Default)]
struct SignedUp {
    subs: Vec<Uuid>,
    /// How many had signed up when the database was back.
    before_return: usize,
    poison: BTreeSet<String>,
}

/// Runs both deployments through one outage, writes what was seen, and judges it.
pub(crate) fn run(arguments: &Arguments, runtime: &Runtime) -> anyhow::Result<Verdict> {
    // Before ten minutes are spent on what could not be written.
    fs::create_dir_all(&arguments.into).with_context(|| format!("making {}", arguments.into.display()))?;
    let down = CALM;
    let up = down + Duration::from_mins(arguments.minutes);
    let plan = Plan { down, up, quiet: up + CALM };
    let start = |kind| Setup::start(kind, arguments.batch_size, arguments.batch_window);
    let setups = [start(Kind::Usual)?, start(Kind::Ours)?];
    let (tracks, signed_up, returned) = runtime.block_on(live_through(&plan, &setups))?;
    let figures = setups
        .iter()
        .zip(&tracks)
        .map(|(setup, track)| runtime.block_on(figures_of(setup, track, &signed_up, returned)));
    let figures: Vec<_> = figures.collect::<anyhow::Result<_>>()?;
    write(&arguments.into.join("outage.csv"), &csv(&tracks))?;
    write(&arguments.into.join("outage.svg"), &graph::draw(&tracks, &plan)?)?;
    figures::show(&figures, &plan)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    say(&format!("written: {}", path.display()));
    Ok(())
}

async fn live_through(plan: &Plan, setups: &[Setup; 2]) -> anyhow::Result<([Track; 2], SignedUp, Timestamp)> {
    let [usual, ours] = setups;
    let mut tracks = setups.each_ref().map(|setup| Track { kind: setup.kind, samples: Vec::new() });
    let mut signed_up = SignedUp::default();
    let mut database = Database::Up;
    let mut empty_looks = 0;
    let began = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for tick in 0_usize.. {
        ticks.tick().await;
        let now = began.elapsed();
        database = proceed(database, now, plan, setups, &mut signed_up)?;
        if now < plan.quiet {
            sign_up(tick, setups, &mut signed_up).await?;
        }
        let [track_of_usual, track_of_ours] = &mut tracks;
        let people = signed_up.subs.len();
        let looks =
            tokio::try_join!(track_of_usual.look(usual, began, people), track_of_ours.look(ours, began, people))?;
        let empty = looks.0.queue.total() + looks.1.queue.total() == 0;
        empty_looks = if empty { empty_looks + 1 } else { 0 };
        match database {
            Database::UpAgain(returned) if now > plan.quiet && empty_looks == EMPTY_LOOKS => {
                return Ok((tracks, signed_up, returned));
            }
            _ if now > plan.quiet + DRAINED_WITHIN => {
                bail!("the queues are not empty {DRAINED_WITHIN:?} after the last sign-up")
            }
            _ => {}
        }
    }
    bail!("time has ended")
}

/// Stops and starts the databases when it is time.
fn proceed(
    database: Database,
    now: Duration,
    plan: &Plan,
    setups: &[Setup; 2],
    signed_up: &mut SignedUp,
) -> anyhow::Result<Database> {
    match database {
        Database::Up if now >= plan.down => {
            say(&format!("{:>4} s: the database goes away", now.as_secs()));
            for setup in setups {
                setup.stack.postgres.stop_immediately();
            }
            Ok(Database::Down)
        }
        Database::Down if now >= plan.up => {
            signed_up.before_return = signed_up.subs.len();
            tokio::task::block_in_place(|| setups.iter().try_for_each(|setup| setup.stack.postgres.start_again()))?;
            say(&format!("{:>4} s: the database is back", now.as_secs()));
            Ok(Database::UpAgain(Timestamp::now()))
        }
        other => Ok(other),
    }
}

async fn sign_up(tick: usize, setups: &[Setup; 2], signed_up: &mut SignedUp) -> anyhow::Result<()> {
    let subs: Vec<Uuid> = std::iter::repeat_with(Uuid::new_v4).take(PER_TICK).collect();
    let mut bodies: Vec<String> = subs.iter().map(|sub| about(*sub, &json!({ "first_name": "Ada" }))).collect();
    if tick % POISON_EVERY == POISON_EVERY / 2 {
        let poison = format!("poison {}", Uuid::new_v4());
        signed_up.poison.insert(poison.clone());
        bodies.push(poison);
    }
    for setup in setups {
        send(&setup.clients.sqs, &setup.stack.outputs.queue_url, &bodies).await?;
    }
    signed_up.subs.extend(subs);
    Ok(())
}

async fn figures_of(
    setup: &Setup,
    track: &Track,
    signed_up: &SignedUp,
    returned: Timestamp,
) -> anyhow::Result<Figures> {
    let mut connection = PgConnection::connect(&setup.stack.database_url).await?;
    let with_one_row: i64 =
        sqlx::query(WITH_ONE_ROW).bind(&signed_up.subs).fetch_one(&mut connection).await?.try_get(0)?;
    let (waiting, _) = signed_up.subs.split_at(signed_up.before_return);
    let last: Option<i64> = sqlx::query(LAST_ROW).bind(waiting).fetch_one(&mut connection).await?.try_get(0)?;
    connection.close().await?;
    let last_row = last.map(Timestamp::from_millisecond).transpose()?.map(|last| last.duration_since(returned));
    let dead = dead_letters(&setup.stack)?;
    let summaries = summaries::read(&setup.stack)?;
    Ok(Figures {
        kind: setup.kind,
        people: signed_up.subs.len(),
        with_exactly_one_row: usize::try_from(with_one_row)?,
        most_healthy_dead: track.samples.iter().map(|sample| sample.dead.healthy).max().unwrap_or_default(),
        healthy_dead_at_the_end: dead.iter().filter(|letter| letter.is_healthy()).count(),
        poison: signed_up.poison.len(),
        poison_dead: signed_up.poison.iter().filter(|poison| dead.iter().any(|letter| letter.body == **poison)).count(),
        last_row_after: last_row.and_then(|after| Duration::try_from(after).ok()).unwrap_or_default(),
        deliveries: summaries.iter().map(|summary| summary.size).sum(),
        longest_invocation: summaries.iter().map(|summary| summary.took).max().unwrap_or_default(),
    })
}
