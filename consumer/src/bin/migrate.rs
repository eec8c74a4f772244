//! `migrate`: brings the database to the schema that the consumer writes to, or says what a table of somebody else's lacks.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::{Context, ensure};
use consumer::{
    database::Database,
    migrations::{Migrated, fits, migrate},
    table_check::{Finding, Weight, check},
};
use rollcall_aws_runtime::{
    cli_sdk::{CliOptions, sdk_config},
    environment::Environment,
};
use sqlx::PgConnection;

const USAGE: &str = "\
usage: migrate [--check]

Makes the table `users`, or brings it to what this version needs. Safe to run twice, and at the same time as another one.
A table `users` that rollcall did not make is never changed: it is checked instead.

  --check   changes nothing: says whether the consumer can work with the table, what is missing, and the SQL that would fix it

The database is where the consumer's variables say: DATABASE_URL, or DATABASE_SECRET_ARN, or DATABASE_AUTH=iam.
Run the check with the consumer's own login: what a role may do is part of the answer.
Exit codes: 0 the table is as it must be, 1 it is not or cannot be reached, 2 wrong usage.";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => run(Task::Migrate).await,
        ["--check"] => run(Task::Check).await,
        ["--help" | "-h"] => say(USAGE).map(|()| ExitCode::SUCCESS),
        _ => {
            let _ = writeln!(io::stderr(), "{USAGE}");
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}

enum Task {
    Migrate,
    Check,
}

async fn run(task: Task) -> anyhow::Result<ExitCode> {
    let environment = Environment::of_process();
    let aws = sdk_config(CliOptions::default(), &environment).await?;
    let database = Database::read(&environment, &aws)?;
    let mut connection = database.acquire().await.context("cannot connect to the database")?;
    match task {
        Task::Check => check_only(&mut connection).await,
        Task::Migrate => {
            ensure!(
                !database.is_behind_a_transaction_pooler(),
                "migrations hold a lock that belongs to a connection: unset DATABASE_POOLER and name the database itself"
            );
            migrate_or_check(&mut connection).await
        }
    }
}

async fn migrate_or_check(connection: &mut PgConnection) -> anyhow::Result<ExitCode> {
    match migrate(connection).await.context("the migration failed")? {
        Migrated::Ours(steps) => {
            for step in steps {
                say(&format!("{step}: applied"))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Migrated::Theirs(findings) => {
            say("there is a table `users` that rollcall did not make; it is left as it is")?;
            report(&findings)
        }
    }
}

async fn check_only(connection: &mut PgConnection) -> anyhow::Result<ExitCode> {
    let Some(findings) = check(connection).await.context("the check failed")? else {
        say("missing: there is no table `users` in the search path\n    run `migrate` without --check")?;
        return Ok(ExitCode::FAILURE);
    };
    report(&findings)
}

fn report(findings: &[Finding]) -> anyhow::Result<ExitCode> {
    for finding in findings {
        let weight = match finding.weight {
            Weight::Missing => "missing",
            Weight::Note => "note",
        };
        say(&format!("{weight}: {}\n    {}", finding.what, finding.sql))?;
    }
    if fits(findings) {
        say("the consumer can work with the table `users`")?;
        return Ok(ExitCode::SUCCESS);
    }
    say("the consumer cannot work with the table `users` until what is missing is there")?;
    Ok(ExitCode::FAILURE)
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout(), "{text}")?)
}
