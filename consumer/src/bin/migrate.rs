//! `migrate`: brings the database to the schema that the consumer writes to, or says what a table of somebody else's lacks.
//! In Lambda it is a custom resource of CloudFormation, which a deployment waits for.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::{Context, anyhow};
use consumer::{
    database::Database,
    migrations::fits,
    schema::{Schema, SchemaError},
    schema_resource,
    table_check::check,
};
use lambda_runtime::{run, service_fn};
use rollcall_aws_runtime::{
    cli_sdk::{CliOptions, sdk_config},
    environment::Environment,
    lambda_sdk::{self, Roots},
    logging,
};

const USAGE: &str = "\
usage: migrate [--check]

Makes the table `users`, or brings it to what this version needs. Safe to run twice, and at the same time as another one.
A table `users` that rollcall did not make is never changed: it is checked instead.
In Lambda it is a custom resource of CloudFormation and takes no arguments.

  --check   changes nothing: says whether the consumer can work with the table, what is missing, and the SQL that would fix it

The database is where the consumer's variables say: DATABASE_URL, or DATABASE_SECRET_ARN, or DATABASE_AUTH=iam.
DATABASE_GRANT_TO names a role to make unless it is there, and to give what the consumer needs of the table.
Run the check with the consumer's own login: what a role may do is part of the answer.
Exit codes: 0 the table is as it must be, 1 it is not or cannot be reached, 2 wrong usage.";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let environment = Environment::of_process();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let in_lambda = environment.optional("AWS_LAMBDA_RUNTIME_API").is_some();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] if in_lambda => lambda(&environment).await,
        [] => migrate(&environment).await,
        ["--check"] => check_only(&environment).await,
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
        Err(unfit @ SchemaError::Unfit(_)) => say(&unfit.to_string()).map(|()| ExitCode::FAILURE),
        Err(error) => Err(error.into()),
    }
}

async fn check_only(environment: &Environment) -> anyhow::Result<ExitCode> {
    let database = Database::read(environment, &sdk_config(CliOptions::default(), environment).await?)?;
    let mut connection = database.acquire().await.context("cannot connect to the database")?;
    let Some(findings) = check(&mut connection).await.context("the check failed")? else {
        say("missing: there is no table `users` in the search path\n    run `migrate` without --check")?;
        return Ok(ExitCode::FAILURE);
    };
    for finding in &findings {
        say(&finding.to_string())?;
    }
    if fits(&findings) {
        say("the consumer can work with the table `users`")?;
        return Ok(ExitCode::SUCCESS);
    }
    say("the consumer cannot work with the table `users` until what is missing is there")?;
    Ok(ExitCode::FAILURE)
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout(), "{text}")?)
}
