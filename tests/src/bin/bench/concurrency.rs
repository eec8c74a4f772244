//! Eight consumers at the same time, and messages of which many speak of the same people.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    time::{Duration, Instant},
};

use anyhow::Context;
use comfy_table::{LineStyle, Table, TableStyle};
use pipeline_tests::{
    Options, Stack,
    clients::Clients,
    deadlocks::deadlocks,
    functions::{self, Polling},
    messages::{about, with_duplicates},
    queues::{depth, send},
    summaries::{self, Summary, most_at_once},
    wait,
};
use serde_json::json;
use sqlx::{Connection, PgConnection, Row};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::{Verdict, say, setup::start_stack};

/// Consumers at the same time.
const CONSUMERS: u32 = 8;

/// Of a hundred messages, those about somebody whom another one is about, too.
const DUPLICATES_PERCENT: usize = 30;

/// Seconds that a received message stays hidden, as in the product.
const VISIBILITY: u32 = 180;

/// Messages between two lines about the filling of the queue.
const PORTION: usize = 5_000;

/// Longest wait for the last row. The emulator hands out some thousand messages a second.
const DONE_WITHIN: Duration = Duration::from_mins(10);

/// What a server or a consumer writes about a deadlock: Postgres's words, and the code that it is known by.
const SIGNS: [&str; 2] = ["deadlock detected", "40P01"];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many messages, 30 in 100 of them duplicates; with fewer, eight consumers would find too little to do.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(10_000..=1_000_000))]
    messages: u32,
    /// Messages that one invocation takes at most.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch_size: u32,
    /// Seconds that a batch may wait to fill; 0 only up to ten messages. The emulator polls for as long, and hands out what there is at once.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=20))]
    batch_window: u32,
    /// Decides who is repeated, and the order of the messages.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What a run has come to.
struct Figures {
    messages: usize,
    users: usize,
    rows: usize,
    took: Duration,
    deadlocks: u64,
    /// Lines of the server's and the consumers' logs that speak of one.
    deadlock_lines: usize,
    dead_letters: u64,
    /// Of the messages of this run.
    summaries: Vec<Summary>,
}

/// Fills the queue, lets the consumers at it, and judges what they have made of it.
pub(crate) fn run(arguments: &Arguments, runtime: &Runtime) -> anyhow::Result<Verdict> {
    let messages = usize::try_from(arguments.messages)?;
    say(&format!("starting a stack with {CONSUMERS} consumers"));
    let options = Options {
        visibility_timeout_seconds: VISIBILITY,
        batch_size: arguments.batch_size,
        batch_window_seconds: arguments.batch_window,
        maximum_concurrency: CONSUMERS,
        ..Options::default()
    };
    let stack = start_stack(&options)?;
    let subs = with_duplicates(messages, messages * DUPLICATES_PERCENT / 100, arguments.seed);
    let figures = runtime.block_on(consume(&stack, &subs))?;
    figures.show(arguments)
}

async fn consume(stack: &Stack, subs: &[Uuid]) -> anyhow::Result<Figures> {
    let sqs = Clients::of(stack)?.sqs;
    functions::set_polling(stack, Polling::Off)?;
    for (portion, subs) in subs.chunks(PORTION).enumerate() {
        let bodies: Vec<String> = subs.iter().map(|sub| about(*sub, &json!({ "first_name": "Ada" }))).collect();
        send(&sqs, &stack.outputs.queue_url, &bodies).await?;
        say(&format!("  {} messages are on the queue", portion * PORTION + subs.len()));
    }
    let begin = Instant::now();
    functions::set_polling(stack, Polling::On)?;
    let queue_is_empty = wait::until("the queue is empty", DONE_WITHIN, async || {
        Ok((depth(&sqs, &stack.outputs.queue_url).await?.total() == 0).then_some(()))
    });
    queue_is_empty.await?;
    let took = begin.elapsed();
    let summaries = summaries::read(stack)?;
    // Their sessions end with them, and show what they have seen.
    functions::kill(&stack.outputs.consumer_function_name)?;
    let users: BTreeSet<&Uuid> = subs.iter().collect();
    Ok(Figures {
        messages: subs.len(),
        users: users.len(),
        rows: rows(&stack.database_url).await?,
        took,
        deadlocks: deadlocks(&stack.database_url).await?,
        deadlock_lines: deadlock_lines(stack)?,
        dead_letters: depth(&sqs, &stack.outputs.dlq_url).await?.total(),
        summaries,
    })
}

/// Rows, not users: a second one of the same user would count.
async fn rows(database_url: &str) -> anyhow::Result<usize> {
    let mut connection = PgConnection::connect(database_url).await?;
    let rows: i64 = sqlx::query("select count(*) from users").fetch_one(&mut connection).await?.try_get(0)?;
    connection.close().await?;
    Ok(usize::try_from(rows)?)
}

fn deadlock_lines(stack: &Stack) -> anyhow::Result<usize> {
    let server = fs::read_to_string(stack.logs.join("postgres.log")).context("reading the server's log")?;
    let text = server + &summaries::log(stack)?;
    Ok(text.lines().filter(|line| SIGNS.iter().any(|sign| line.contains(sign))).count())
}

impl Figures {
    fn consumers(&self) -> usize {
        self.summaries.iter().map(|summary| summary.pid).collect::<BTreeSet<_>>().len()
    }

    fn sum(&self, of: impl Fn(&Summary) -> u64) -> u64 {
        self.summaries.iter().map(of).sum()
    }

    /// What is promised and did not hold, in words.
    fn complaints(&self) -> Vec<String> {
        let consumers = usize::try_from(CONSUMERS).unwrap_or(usize::MAX);
        let promises = [
            (self.rows == self.users, format!("{} users have {} rows", self.users, self.rows)),
            (self.deadlocks == 0 && self.deadlock_lines == 0, "transactions have deadlocked".to_owned()),
            (self.dead_letters == 0, format!("{} messages are dead letters", self.dead_letters)),
            (self.consumers() == consumers, format!("{} consumers ran, and not {CONSUMERS}", self.consumers())),
        ];
        promises.into_iter().filter(|(kept, _)| !kept).map(|(_, otherwise)| otherwise).collect()
    }

    fn show(&self, arguments: &Arguments) -> anyhow::Result<Verdict> {
        let mut table = Table::new();
        table.load_style(TableStyle::new().header_separator(LineStyle::none()));
        let per_second = f64::from(arguments.messages) / self.took.as_secs_f64();
        let busy: Duration = self.summaries.iter().map(|summary| summary.took).sum();
        let rows = [
            ("messages", self.messages.to_string()),
            ("of them duplicates", (self.messages - self.users).to_string()),
            ("messages of a batch, at most", arguments.batch_size.to_string()),
            ("seconds that a batch may wait", arguments.batch_window.to_string()),
            ("seed", arguments.seed.to_string()),
            ("consumers", self.consumers().to_string()),
            ("invocations", self.summaries.len().to_string()),
            ("of them at the same time, at most", most_at_once(&self.summaries).to_string()),
            ("rows", self.rows.to_string()),
            ("inserted, as the consumers count", self.sum(|summary| summary.inserted).to_string()),
            ("duplicates, as the consumers count", self.sum(|summary| summary.duplicates).to_string()),
            ("given back", self.sum(|summary| summary.retry).to_string()),
            ("deadlocks, as Postgres counts", self.deadlocks.to_string()),
            ("deadlocks in any log", self.deadlock_lines.to_string()),
            ("dead letters", self.dead_letters.to_string()),
            ("time", format!("{:.1} s", self.took.as_secs_f64())),
            (
                "time in the consumers for 1,000 messages",
                format!("{:.0} ms", busy.as_secs_f64() * 1_000_000.0 / f64::from(arguments.messages)),
            ),
            ("messages per second, emulator included", format!("{per_second:.0}")),
        ];
        for (what, value) in rows {
            table.add_row([what.to_owned(), value]);
        }
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "\n{table}\n")?;
        let complaints = self.complaints();
        for complaint in &complaints {
            writeln!(stdout, "✗ {complaint}")?;
        }
        if !complaints.is_empty() {
            return Ok(Verdict::Broken);
        }
        writeln!(stdout, "✓ one row for each of {} users", self.users)?;
        Ok(Verdict::Kept)
    }
}
