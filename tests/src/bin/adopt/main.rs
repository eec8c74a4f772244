//! `adopt`: packs the construct library, installs it into a user's CDK app, deploys that, and waits until a sign-up is a row.
//!
//! Results go to standard output.

mod app;

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use app::{App, Language};
use clap::Parser;
use pipeline_tests::{
    moto::{
        person::{Person, sign_up},
        pool::Pool,
    },
    target::Target,
};
use serde_json::json;
use sqlx::{Connection, PgConnection};

/// What an adopter may have to write.
const MOST_LINES: usize = 10;

/// The stacks of the app, in the order in which they are deployed.
const STACKS: [&str; 2] = ["AuthStack", "BackendStack"];

/// What their backend reads users from already.
const THEIR_TABLE: &str = "create table accounts (
    id bigint generated always as identity primary key, cognito_sub uuid not null unique,
    email_address text, first_name text, last_name text)";

/// Time from the confirmation to the row, an invocation that starts included; it takes about 1 s.
const ROW_LIMIT: Duration = Duration::from_mins(1);

/// Packs the construct library, installs it into a user's CDK app, deploys that to a local stack, and waits for the row of a sign-up.
#[derive(Parser)]
#[command(name = "cargo xtask adopt")]
struct Arguments {
    /// Only this language.
    #[arg(long)]
    only: Option<Language>,
}

fn main() -> ExitCode {
    match adopt(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody reads it: nothing to be done.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn adopt(arguments: &Arguments) -> anyhow::Result<()> {
    // Their Postgres has no certificate here.
    let target =
        timed("starting LocalStack, a Cognito and a Postgres", || Target::start(&[("DATABASE_SSLMODE", "disable")]))?;
    let packages = timed("packing rollcall-cdk for npm and PyPI", || target.pack_construct())?;
    let languages = arguments.only.map_or_else(|| vec![Language::Python, Language::TypeScript], |only| vec![only]);
    for language in languages {
        say(&format!("\n{language}"))?;
        in_language(&target, &packages, language)?;
    }
    Ok(())
}

/// One app, from the installation of the package to the row, and back.
fn in_language(target: &Target, packages: &Path, language: Language) -> anyhow::Result<()> {
    let app =
        timed("installing the package and the CDK into an empty folder", || App::install(target, packages, language))?;
    let added = app.lines_that_adopt()?;
    for line in &added {
        say(&format!("  + {line}"))?;
    }
    ensure!(added.len() <= MOST_LINES, "{} lines adopt it, and at most {MOST_LINES} should", added.len());
    let before = timed("synthesizing the app as it was", || app.synthesize(target, "before"))?;
    let after = timed("synthesizing it with rollcall", || app.synthesize(target, "after"))?;
    for stack in STACKS {
        let diff = app::diff(target, stack, &before, &after)?;
        say(&format!("  cdk diff {stack}: {diff}"))?;
    }

    let database = format!("adopted_by_{language}").to_lowercase();
    let url = target.postgres.create_database(&database)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let mut connection = runtime.block_on(async {
        let mut connection = PgConnection::connect(&url).await?;
        sqlx::query(THEIR_TABLE).execute(&mut connection).await?;
        anyhow::Ok(connection)
    })?;
    target.put_secret("app/database", &login(target, &url, &database)?)?;

    timed("deploying the app as it was", || deploy(target, &before))?;
    timed("deploying it with rollcall", || deploy(target, &after))?;
    let pool = Pool::named(target.moto, "Users")?;
    let signed_up = sign_up(target, &pool, "jane@example.com")?;
    let took = runtime.block_on(row_of(&mut connection, &signed_up))?;
    say(&format!("  a sign-up became a row after {:.1} s", took.as_secs_f32()))?;

    // The stack that imports the pool goes first: an export that is in use cannot be deleted.
    let first_who_imports = || STACKS.iter().rev().try_for_each(|stack| target.deploy_from(&before, stack).map(|_| ()));
    timed("taking rollcall out again", first_who_imports)?;
    ensure!(pool.triggers()? == json!({}), "the pool still calls something: {}", pool.triggers()?);
    for stack in STACKS.iter().rev() {
        target.delete(stack)?;
    }
    target.delete_secret("app/database")
}

fn deploy(target: &Target, assembly: &Path) -> anyhow::Result<()> {
    STACKS.iter().try_for_each(|stack| target.deploy_from(assembly, stack).map(|_| ()))
}

/// The login as RDS writes it into a secret.
fn login(target: &Target, url: &str, database: &str) -> anyhow::Result<serde_json::Value> {
    let (user, password) = url
        .strip_prefix("postgres://")
        .and_then(|rest| rest.split('@').next())
        .map(|credentials| credentials.split_once(':').unwrap_or((credentials, "")))
        .context("an address without a user")?;
    Ok(json!({
        "engine": "postgres", "host": "127.0.0.1", "port": target.postgres.port(),
        "username": user, "password": password, "dbname": database,
    }))
}

/// Waits for exactly one row of this person, and says how long that took.
async fn row_of(connection: &mut PgConnection, person: &Person) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    loop {
        let rows: Vec<(String,)> = sqlx::query_as("select email_address from accounts where cognito_sub = $1::uuid")
            .bind(&person.sub)
            .fetch_all(&mut *connection)
            .await?;
        if let [(email,)] = rows.as_slice() {
            ensure!(*email == person.email, "the row holds another address");
            return Ok(begun.elapsed());
        }
        ensure!(rows.is_empty(), "{} rows of one person", rows.len());
        ensure!(begun.elapsed() < ROW_LIMIT, "no row after {} s", ROW_LIMIT.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Does it, and says how long it took.
fn timed<T>(what: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let begun = Instant::now();
    let done = work().with_context(|| what.to_owned())?;
    say(&format!("  {what}: {:.1} s", begun.elapsed().as_secs_f32()))?;
    Ok(done)
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{text}").context("writing to standard output")
}
