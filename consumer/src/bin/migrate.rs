//! `migrate`: brings the database to the schema that the consumer writes to, or says what your existing table lacks.
//! In Lambda it is a custom resource of CloudFormation, which a deployment waits for.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::SystemTime,
};

use anyhow::{Context, anyhow};
use consumer::{
    database::Database,
    libpq,
    schema::{Schema, SchemaError},
    schema_resource,
    table::Table,
    table_check::{check, conclusion, fits},
    usage,
};
use lambda_runtime::{run, service_fn};
use rollcall_aws_runtime::{
    cli_sdk::{CliOptions, sdk_config},
    environment::Environment,
    lambda_sdk::{self, Roots},
    logging,
};

const USAGE: &str = "\
usage: migrate [--check | --version]

Creates the table `users`, or brings it to what this version needs. Safe to run twice, and at the same time as another one.
Your existing table is never changed: it is validated instead. USERS_TABLE and USERS_COLUMNS describe it.
In Lambda it is a custom resource of CloudFormation and takes no arguments.

  --check     changes nothing: prints what keeps the consumer from storing users, with the SQL that fixes it
  --version   prints the version

The database is where the consumer's variables say: DATABASE_URL, or DATABASE_SECRET_ARN, or DATABASE_AUTH=iam.
DATABASE_GRANT_TO names a role to create unless it exists, and to grant what the consumer needs of the table.
Run the check with the consumer's own login: what a role may do is part of the answer.
Exit codes: 0 the consumer can store users, 1 it cannot or the database cannot be reached, 2 wrong usage.";

const KNOWN: [&str; 3] = ["--check", "--help", "-h"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if let Err(error) = libpq::discard_variables() {
        let _ = writeln!(io::stderr(), "error: cannot start again without libpq's variables: {error}");
        return ExitCode::FAILURE;
    }
    let environment = Environment::of_process();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let in_lambda = environment.optional("AWS_LAMBDA_RUNTIME_API").is_some();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] if in_lambda => lambda(&environment).await,
        [] => migrate(&environment).await,
        ["--check"] => check_only(&environment).await,
        ["--version" | "-V"] => say(concat!("migrate ", env!("CARGO_PKG_VERSION"))).map(|()| ExitCode::SUCCESS),
        ["--help" | "-h"] => say(USAGE).map(|()| ExitCode::SUCCESS),
        arguments => {
            let wrong = arguments.iter().copied().find(|argument| !KNOWN.contains(argument));
            let error = wrong.map_or_else(
                || format!("`{}` are too many options; give one", arguments.join(" ")),
                |wrong| usage::unknown(wrong, &KNOWN, "migrate"),
            );
            let _ = writeln!(io::stderr(), "error: {error}");
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {}", logging::chain(error.as_ref()));
        ExitCode::FAILURE
    })
}

async fn lambda(environment: &Environment) -> anyhow::Result<ExitCode> {
    logging::init(environment);
    let region = environment.optional("AWS_REGION").unwrap_or_default();
    let connector = lambda_sdk::connector(Roots::choose(environment, region))?;
    let served = run(service_fn(|event| Box::pin(schema_resource::handle(event, environment, &connector)))).await;
    served.map(|()| ExitCode::SUCCESS).map_err(|error| anyhow!(error))
}

async fn migrate(environment: &Environment) -> anyhow::Result<ExitCode> {
    let schema = Schema::read(environment, &sdk_config(CliOptions::default(), environment).await?)?;
    match schema.bring().await {
        Ok(brought) => say(&brought.to_string()).map(|()| ExitCode::SUCCESS),
        // An answer, and no error: it was asked what is missing.
        Err(unfit @ SchemaError::Unfit { .. }) => say(&unfit.to_string()).map(|()| ExitCode::FAILURE),
        Err(error) => Err(error.into()),
    }
}

async fn check_only(environment: &Environment) -> anyhow::Result<ExitCode> {
    let table = Table::read(environment)?;
    let database = Database::read(environment, &sdk_config(CliOptions::default(), environment).await?)?;
    let mut connection = database.connect(SystemTime::now()).await?;
    let Some(findings) = check(&mut connection, &table).await.context("the check failed")? else {
        let what_to_do = if table.is_default() {
            "run `migrate` without --check to create it"
        } else {
            "create it, or correct USERS_TABLE"
        };
        say(&format!("problem: there is no table `{table}`\n    {what_to_do}"))?;
        return Ok(ExitCode::FAILURE);
    };
    for finding in &findings {
        say(&finding.to_string())?;
    }
    say(&conclusion(&findings, &table))?;
    Ok(if fits(&findings) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout(), "{text}")?)
}
