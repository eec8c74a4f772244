//! Runs the tools, all of them in turn, so that a machine that is busy for a while is so for all of them.

use std::fs;

use anyhow::{Context, ensure};
use consumer::migrations::migrator;
use pipeline_tests::{
    Postgres,
    consumer_peers::{ConsumerPeers, DEAD_LETTERS, How, QUEUE},
    sqs_model::{Server, SqsModel},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::runtime::Runtime;

use super::{
    processors::Processors,
    runs::{Conditions, Run},
    targets::Row,
    tool::Tool,
};
use crate::say;

/// In the order in which they run.
const CONDITIONS: [Conditions; 4] = [Conditions::New, Conditions::OneBad, Conditions::Redelivered, Conditions::Cold];

/// Starts of each tool in each repetition: one takes only milliseconds.
const COLD_STARTS: u32 = 3;

/// Messages of the batch that warms a function up, whose users get rows too.
const WARM_UP: u64 = 10;

/// Longest first name that the table takes where one of a batch is refused.
const LIMIT: u32 = 100;

/// The unit of the times in `/proc/<pid>/stat`, which Linux has fixed for programs whatever its own timer does.
const TICKS_PER_SECOND: f64 = 100.0;

/// The one role that has to show a password, over TLS.
const LOGIN: &str = "\
create role cold login password 'cold' in role with_password;
grant select, insert on users to cold";

/// Everything that a run needs.
struct Bench<'a> {
    peers: &'a ConsumerPeers,
    runtime: &'a Runtime,
    postgres: Postgres,
    /// The database's own address, and the one over TLS with a password.
    url: String,
    over_tls: String,
    model: SqsModel,
    sqs: Server,
}

/// Runs the tools of one row or of all, so many times; also says what the database is.
pub(super) fn run(
    peers: &ConsumerPeers,
    runtime: &Runtime,
    repetitions: u32,
    only: Option<Row>,
) -> anyhow::Result<(Vec<Run>, String)> {
    let bench = Bench::start(peers, runtime)?;
    let mut runs = Vec::new();
    for repetition in 0..repetitions {
        let mut random = fastrand::Rng::with_seed(u64::from(repetition));
        for conditions in CONDITIONS.into_iter().filter(|conditions| only.is_none_or(|row| row.needs(*conditions))) {
            for batch in conditions.sizes().iter().copied().filter(|size| only.is_none_or(|row| row.needs_size(*size)))
            {
                let starts = if conditions == Conditions::Cold { COLD_STARTS } else { 1 };
                for start in 1..=starts {
                    let mut tools = conditions.tools().to_vec();
                    random.shuffle(&mut tools);
                    for tool in tools {
                        let run = bench.run(conditions, tool, repetition * starts + start, batch);
                        runs.push(run.with_context(|| format!("{}, {conditions:?}, {batch}", tool.name()))?);
                    }
                }
            }
        }
    }
    let version = bench.query("select version()")?;
    Ok((runs, version.split(" on ").next().unwrap_or_default().to_owned()))
}

impl<'a> Bench<'a> {
    fn start(peers: &'a ConsumerPeers, runtime: &'a Runtime) -> anyhow::Result<Self> {
        let processors = Processors::here()?;
        processors.of_the_database()?;
        let postgres = Postgres::start_durable()?;
        processors.of_the_tools()?;
        let url = postgres.create_database("bench")?;
        let over_tls = format!(
            "postgres://cold:cold@localhost:{}/bench?sslmode=verify-full&sslrootcert={}",
            postgres.port(),
            postgres.ca().display()
        );
        let model = SqsModel::new();
        for queue in [QUEUE, DEAD_LETTERS] {
            model.create(queue);
        }
        let sqs = model.serve()?;
        let bench = Self { peers, runtime, postgres, url, over_tls, model, sqs };
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&bench.url).await?;
            migrator().run(&mut connection).await?;
            anyhow::Ok(())
        })?;
        bench.execute(LOGIN)?;
        for (setting, value) in [("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")] {
            ensure!(bench.query(&format!("show {setting}"))? == value, "{setting} is not {value}");
        }
        Ok(bench)
    }

    fn run(&self, conditions: Conditions, tool: Tool, repetition: u32, batch: u32) -> anyhow::Result<Run> {
        let batches = batches(conditions, tool, batch);
        self.prepare(conditions, tool, [batch, batches])?;
        let (how, database) = match conditions {
            Conditions::New | Conditions::Redelivered => (How::Warm, &self.url),
            Conditions::OneBad => (How::OneBad, &self.url),
            Conditions::Cold => (How::Cold, &self.over_tls),
        };
        let (buried, before) = (self.model.count(DEAD_LETTERS), self.database_processor_seconds()?);
        let taken = self.peers.run(tool.peer(), how, [batch, batches], database, &self.sqs.url())?;
        let database_processor_seconds = self.database_processor_seconds()? - before;
        let rows: u64 = self.query("select count(*)::text from users")?.parse()?;
        let bad = if conditions == Conditions::OneBad { batches } else { 0 };
        let warm_up = match (conditions, tool) {
            (Conditions::Cold, _) => 0,
            // They are no functions: a batch like the others warms them up.
            (_, Tool::BareLoop | Tool::ParseThenInsert) => u64::from(batch),
            _ => WARM_UP,
        };
        // The bare loop has made the rows that are redelivered, and its own first batch.
        let already = if conditions == Conditions::Redelivered { u64::from(batch) } else { 0 };
        let new = if tool == Tool::AnswerOnly { 0 } else { u64::from(batch * batches - bad) + warm_up.max(already) };
        let run = Run {
            conditions,
            tool,
            repetition,
            batch,
            batches,
            seconds: taken.seconds,
            processor_seconds: taken.processor_seconds,
            database_processor_seconds,
            peak_mib: mebibytes(taken.peak_kib),
            failed: taken.failed,
            buried: u64::try_from(self.model.count(DEAD_LETTERS) - buried)?,
            wrong_rows: rows.abs_diff(new),
        };
        say(&format!(
            "  {repetition} {conditions:?}: {}, batches of {batch}: {:.3} s, {:.0} messages/s",
            tool.name(),
            run.seconds,
            run.messages() / run.seconds
        ));
        run.complaints().iter().for_each(|complaint| say(&format!("    ✗ {complaint}")));
        Ok(run)
    }

    /// An empty table, or one with the rows of a run; and a checkpoint, so that no run pays for those before it.
    fn prepare(&self, conditions: Conditions, tool: Tool, size: [u32; 2]) -> anyhow::Result<()> {
        let first_name = if conditions == Conditions::OneBad { format!("varchar({LIMIT})") } else { "text".to_owned() };
        self.execute(&format!("truncate users; alter table users alter first_name type {first_name}"))?;
        if conditions == Conditions::Redelivered {
            let taken = self.peers.run(Tool::BareLoop.peer(), How::Warm, size, &self.url, &self.sqs.url());
            taken.with_context(|| format!("making rows for {}", tool.name()))?;
        }
        self.execute("checkpoint")
    }

    fn execute(&self, statement: &str) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            let mut connection = PgConnection::connect(&self.url).await?;
            sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await?;
            Ok(connection.close().await?)
        })
    }

    fn query(&self, query: &str) -> anyhow::Result<String> {
        self.runtime.block_on(async {
            let mut connection = PgConnection::connect(&self.url).await?;
            let value = sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut connection).await?;
            connection.close().await?;
            Ok(value)
        })
    }

    /// User and system time of the server, of its processes that have ended, and of those that run.
    fn database_processor_seconds(&self) -> anyhow::Result<f64> {
        let postmaster = self.postgres.pid().context("Postgres has ended")?.to_string();
        let mut ticks = 0;
        for process in fs::read_dir("/proc")?.flatten() {
            // One that has ended meanwhile counts with its parent the next time.
            let Ok(stat) = fs::read_to_string(process.path().join("stat")) else { continue };
            // "pid (name) state ppid …", where the name may hold anything; from the 14th field: utime, stime, cutime, cstime.
            let Some((pid, fields)) =
                stat.split_once(" (").and_then(|(pid, rest)| Some((pid, rest.rsplit_once(')')?.1)))
            else {
                continue;
            };
            let fields: Vec<&str> = fields.split_whitespace().collect();
            let times = |count| fields.iter().skip(11).take(count).filter_map(|field| field.parse::<u32>().ok());
            if pid == postmaster {
                ticks += times(4).sum::<u32>();
            } else if fields.get(1) == Some(&postmaster.as_str()) {
                ticks += times(2).sum::<u32>();
            }
        }
        Ok(f64::from(ticks) / TICKS_PER_SECOND)
    }
}

/// So many batches that a run takes about a second where each commit waits for a disk.
fn batches(conditions: Conditions, tool: Tool, batch: u32) -> u32 {
    match (conditions, tool.takes_batches()) {
        (Conditions::Cold, _) => 1,
        (Conditions::OneBad, true) => 20,
        (Conditions::New | Conditions::Redelivered, true) => match batch {
            1 | 10 => 2_000,
            100 => 500,
            1_000 => 100,
            _ => 25,
        },
        (_, false) => 1_000_u32.div_ceil(batch),
    }
}

fn mebibytes(kib: u64) -> f64 {
    // A process with 4 TiB does not fit this machine.
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1_024.0
}
