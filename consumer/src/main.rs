//! `consumer`: the Lambda function, or with `--poll` a process that polls the queue itself.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use aws_types::SdkConfig;
use consumer::{
    Consumer,
    batch::Batch,
    database::Database,
    event_body::EventBody,
    handle_batch, heap,
    insert_statement::InsertStatement,
    libpq,
    poll::{poll, timeouts},
    queues::Queues,
    stop::Stop,
    table::Table,
    user_pools::UserPools,
    worker_options::WorkerOptions,
};
use lambda_runtime::{Error, LambdaEvent, Runtime, layers::TracingLayer, service_fn};
use rollcall_aws_runtime::{
    cli_sdk::{self, CliOptions},
    environment::{Environment, VariableError},
    lambda_clock::end_of_invocation,
    lambda_sdk, logging,
    metrics::Metrics,
};

const USAGE: &str = "\
usage: consumer [--poll [--workers N] [--health ADDRESS:PORT]]

Turns confirmed users into rows. Without --poll it is a Lambda function and has to be started by Lambda.

  --poll                  Polls the queue itself, until SIGTERM or Ctrl-C: then it finishes what it holds, and returns the rest to the queue after 10 s
  --workers N             Batches in work at the same time [default: 2]
  --health ADDRESS:PORT   Answers HTTP health checks there: 200 while all workers make progress, 503 after 90 s without

Variables:
  QUEUE_URL, DLQ_URL      The queue that batches come from, and the one for poison
  DATABASE_URL            How to log in to the database; or DATABASE_SECRET_ARN; or DATABASE_AUTH=iam with DATABASE_USER and DATABASE_HOST
  DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, DATABASE_SSLMODE
                          Where the database is, with a secret or IAM
  DATABASE_CA             A PEM file with CA certificates to trust besides the public ones
  DATABASE_POOLER         `transaction` behind RDS Proxy or PgBouncer in transaction mode
  USERS_TABLE, USERS_COLUMNS
                          Your existing table, and which attribute goes into which of its columns
  ALLOWED_USER_POOLS      The pools whose users become rows [default: every pool]
  METRICS_NAME            With --poll: what the metrics are called [default: consumer-worker]
  LOG_LEVEL               error, warn, info, debug or trace [default: info]

With --poll, Region and credentials come from where every AWS tool looks for them.
docs/configuration.md has all of it.";

const NOT_IN_LAMBDA: &str = "\
error: `consumer` without options is a Lambda function, and Lambda has not started it
hint: `consumer --poll` polls the queue itself; `consumer --help` lists the options and variables";

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
        [] => {
            let _ = writeln!(io::stderr(), "{NOT_IN_LAMBDA}");
            return ExitCode::from(2);
        }
        ["--help" | "-h"] => writeln!(io::stdout(), "{USAGE}").map_err(Into::into),
        options => match WorkerOptions::parse(options) {
            Ok(options) => worker(&environment, &options).await,
            Err(error) => {
                let _ = writeln!(io::stderr(), "error: {error}");
                return ExitCode::from(2);
            }
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", logging::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn lambda(environment: &Environment) -> Result<(), Error> {
    logging::init(environment);
    heap::keep_freed_memory();
    let metrics = Metrics::of_function(environment);
    let consumer = consumer(environment, &lambda_sdk::sdk_config(environment)?, metrics)?;
    let consumer = &consumer;
    let body = EventBody::default();
    let handler = service_fn(|LambdaEvent { payload: (), context }: LambdaEvent<()>| {
        let event = body.take();
        Box::pin(async move {
            let batch = Batch::of(&event)?;
            handle_batch(&batch, end_of_invocation(context.deadline), consumer).await
        })
    });
    Runtime::new(handler).layer(TracingLayer::new()).layer(body.clone()).run().await
}

async fn worker(environment: &Environment, options: &WorkerOptions) -> Result<(), Error> {
    logging::init(environment);
    let stop = Stop::on_signals()?;
    let metrics = Metrics::of_worker(environment)?;
    let aws = cli_sdk::sdk_config(CliOptions::default(), environment).await?;
    let consumer = consumer(environment, &aws.into_builder().timeout_config(timeouts()).build(), metrics)?;
    Ok(poll(&consumer, options, &stop).await?)
}

fn consumer(environment: &Environment, aws: &SdkConfig, metrics: Metrics) -> Result<Consumer, VariableError> {
    Ok(Consumer {
        database: Database::read(environment, aws)?,
        insert: InsertStatement::into(&Table::read(environment)?),
        user_pools: UserPools::read(environment)?,
        sqs: aws_sdk_sqs::Client::new(aws),
        queues: Queues::read(environment)?,
        metrics,
    })
}
