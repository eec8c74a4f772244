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

  --poll                  Polls the queue itself, until SIGTERM or Ctrl-C: then it finishes what it holds, or returns it to the queue within 10 s
  --workers N             Batches in work at the same time [default: 2]
  --health ADDRESS:PORT   Answers HTTP health checks there: 200 while all workers make progress, 503 after 90 s without

Variables: QUEUE_URL, DLQ_URL, and where the database is: DATABASE_URL, or DATABASE_SECRET_ARN, or DATABASE_AUTH=iam.
With --poll, Region and credentials come from where every AWS tool looks for them, and METRICS_NAME is what the metrics are called.";

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
        ["--poll", options @ ..] => match WorkerOptions::parse(options) {
            Ok(options) => worker(&environment, &options).await,
            Err(error) => {
                let _ = writeln!(io::stderr(), "error: {error}\nhint: `consumer --help` lists the options");
                return ExitCode::from(2);
            }
        },
        ["--help" | "-h"] => writeln!(io::stdout(), "{USAGE}").map_err(Into::into),
        _ => {
            let _ = writeln!(io::stderr(), "{USAGE}");
            return ExitCode::from(2);
        }
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
