//! What every command has at hand: flags, configuration, clients and signals.

use std::{path::Path, rc::Rc, time::Duration};

use aws_smithy_types::timeout::TimeoutConfig;
use rollcall_aws_runtime::{
    cli_sdk::{CliOptions, sdk_config},
    environment::Environment,
};

use super::{
    command_line::Global,
    config::{Config, Defaults},
    hints::{Asked, UsageError},
    options::{RunOptions, StopOptions, rate},
    profile,
};
use crate::{
    journal::folder,
    report::{
        exit::Exit,
        masking::Reveal,
        output::{Format, Report, print},
        progress::Shown,
        summary::{not_seen, undecided},
    },
    rules::select::Undecided,
    run::{
        interrupt::Interrupt,
        scan::Scanned,
        settings::{CanarySetting, MOST_CALLS, Settings, VISIBILITY},
    },
    sqs::{
        address,
        clients::Clients,
        queue::Queue,
        queue_argument::{self, QueueArgument},
    },
};

/// Longest wait for one answer: a batch of a mebibyte over a slow line.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Longest wait for a call with all its tries: three of 30 seconds would look like a program that hangs.
pub(super) const CALL_WITHIN: Duration = Duration::from_secs(40);

/// Longest wait for a connection.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);

/// The variables that name an endpoint for the services of this program.
/// Source: "Service-specific endpoints" in the AWS SDKs and Tools reference guide.
const ENDPOINTS: [&str; 4] =
    ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_EVENTBRIDGE", "AWS_ENDPOINT_URL_LAMBDA"];

/// What every command has at hand.
pub struct Session<'a> {
    /// The flags of every command.
    pub global: &'a Global,
    /// The file `dlq-replayer.toml`.
    pub config: Config,
    /// The clients.
    pub clients: Rc<Clients>,
    /// What is asked, and as whom.
    pub asked: Asked,
    /// Whether the operator asked for the end.
    pub interrupt: Interrupt,
}

impl<'a> Session<'a> {
    /// Reads the configuration and makes clients.
    ///
    /// # Errors
    ///
    /// The configuration, the profile or `AWS_CA_BUNDLE` cannot be used; [`UsageError`] for what is no endpoint or no Region.
    pub async fn begin(global: &'a Global, interrupt: Interrupt) -> anyhow::Result<Self> {
        let config = Config::load(&Config::path()?)?;
        let environment = Environment::of_process();
        let options = options(global, &config.defaults, &environment);
        check_endpoints(&options, &environment)?;
        let profile = options.profile.clone().or(environment.optional("AWS_PROFILE").map(str::to_owned));
        if let Some(profile) = &profile {
            profile::check(profile).await?;
        }
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(CALL_WITHIN)
            .operation_attempt_timeout(ANSWER_WITHIN)
            .connect_timeout(CONNECTED_WITHIN)
            .build();
        let sdk = sdk_config(options, &environment).await?;
        let sdk = sdk.into_builder().timeout_config(timeouts).build();
        let region = sdk.region().map(ToString::to_string);
        if let Some(region) = region.as_ref().filter(|region| !queue_argument::is_region(region)) {
            let text = format!("`{region}` is not a Region; Regions are written like eu-west-1");
            return Err(UsageError(text).into());
        }
        let endpoint = sdk.endpoint_url().map(str::to_owned);
        let asked = Asked { region, profile, endpoint };
        Ok(Self { global, config, clients: Rc::new(Clients::new(sdk)), asked, interrupt })
    }

    /// The queue that a command works on.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when `--region` contradicts a URL or ARN; it is not there, or SQS says no.
    pub async fn queue(&self, argument: &str) -> anyhow::Result<Queue> {
        let argument = self.resolve(argument)?;
        if let (Some(flag), Some(written)) = (&self.global.region, QueueArgument::parse(argument).region())
            && flag != written
        {
            return Err(UsageError(format!("`--region {flag}` contradicts `{argument}`, which is in {written}")).into());
        }
        Ok(address::find(&self.clients, argument).await?)
    }

    /// What an argument stands for, unless no queue can be called so.
    fn resolve<'q>(&'q self, argument: &'q str) -> Result<&'q str, UsageError> {
        let argument = self.config.resolve(argument);
        QueueArgument::parse(argument).fault().map_or(Ok(argument), |fault| Err(UsageError(fault)))
    }

    /// A queue that a command sends to; a URL or ARN names its own Region.
    ///
    /// # Errors
    ///
    /// It is not there, or SQS says no.
    pub async fn other_queue(&self, argument: &str) -> anyhow::Result<Queue> {
        Ok(address::find(&self.clients, self.resolve(argument)?).await?)
    }

    /// The run that works on a queue at the moment.
    pub fn live_run(queue: &Queue) -> Option<String> {
        // Without a home there are no journals, and a command that only looks needs none.
        let root = folder::root().ok()?;
        folder::live_run(&folder::of_queue(&root, &queue.address.arn))
    }

    /// Says which run works on a queue that is about to be looked at: what it holds cannot be seen.
    pub fn note_live_run(&self, queue: &Queue) {
        if let Some(run) = Self::live_run(queue) {
            self.note(&working(&run));
        }
    }

    /// How messages are taken.
    pub fn settings(&self) -> Settings {
        let defaults = &self.config.defaults;
        let calls = self.global.concurrency.map(usize::from).or(defaults.concurrency.map(Into::into));
        let visibility =
            self.global.visibility.or(defaults.visibility).map(|seconds| Duration::from_secs(seconds.into()));
        Settings {
            calls: calls.unwrap_or(MOST_CALLS).min(MOST_CALLS),
            visibility: visibility.unwrap_or(VISIBILITY),
            shown: self.shown(),
            ..Settings::default()
        }
    }

    /// How a run goes.
    ///
    /// # Errors
    ///
    /// The rate in `dlq-replayer.toml` cannot be read.
    pub fn run_settings(&self, run: &RunOptions, stop: Option<&StopOptions>) -> anyhow::Result<Settings> {
        let defaults = &self.config.defaults;
        let of_file = defaults.rate.as_deref().map(rate).transpose();
        let of_file = of_file.map_err(|why| anyhow::anyhow!("the rate in dlq-replayer.toml is not valid: {why}"))?;
        let usual = self.settings();
        let canary = stop.and_then(|stop| Some(CanarySetting::of(stop.canary?, stop.canary_timeout)));
        let max_returned = stop.and_then(|stop| stop.max_bounced).or(defaults.max_bounced);
        Ok(Settings {
            rate: run.rate.or(of_file).unwrap_or(usual.rate),
            canary,
            max_returned: max_returned.unwrap_or(usual.max_returned),
            ..usual
        })
    }

    /// Whether progress is shown.
    pub fn shown(&self) -> Shown {
        self.global.shown()
    }

    /// Prints a result.
    ///
    /// # Errors
    ///
    /// Standard output has no reader any more, or cannot be written.
    pub fn print(&self, report: &impl Report) -> anyhow::Result<()> {
        print(report, if self.global.json { Format::Json } else { Format::Text })
    }

    /// Says something that is neither a result nor an error.
    pub fn note(&self, text: &str) {
        self.global.note(text);
    }

    /// Says that a filter could not decide about messages.
    pub fn note_undecided(&self, messages: Undecided) {
        for text in undecided(messages) {
            self.note(&text);
        }
    }

    /// How a scan that found so many messages ended; says what was not seen.
    pub fn end_of_scan(&self, scanned: &Scanned, found: u64, fifo: bool) -> Exit {
        self.note_end_of_scan(scanned, fifo);
        end_of_scan(scanned, found)
    }

    /// Says what a scan has not seen.
    pub fn note_end_of_scan(&self, scanned: &Scanned, fifo: bool) {
        if let Some(text) = scanned.stopped.text(scanned.scanned) {
            self.note(&text);
        } else if scanned.not_seen > 0 {
            self.note(&not_seen(scanned.not_seen, fifo));
        }
    }
}

/// What it means for a command that looks that a run is working.
pub fn working(run: &str) -> String {
    format!("the run {run} is working on this queue; messages that it holds are in flight and cannot be shown")
}

/// An endpoint that is not a URL would be called, and not answer.
fn check_endpoints(options: &CliOptions, environment: &Environment) -> Result<(), UsageError> {
    let variables = ENDPOINTS.into_iter().filter_map(|name| Some((name, environment.optional(name)?)));
    let chosen = options.endpoint_url.as_deref().map(|url| ("the endpoint", url));
    for (name, url) in chosen.into_iter().chain(variables) {
        let host = url.strip_prefix("http://").or(url.strip_prefix("https://")).unwrap_or_default();
        if host.is_empty() || host.starts_with('/') {
            return Err(UsageError(format!("{name} is `{url}`, which is not a URL such as http://127.0.0.1:4566")));
        }
    }
    Ok(())
}

/// How AWS is reached: flags first, then variables, then the defaults of `dlq-replayer.toml`.
fn options(global: &Global, defaults: &Defaults, environment: &Environment) -> CliOptions {
    // The SDK reads the variables itself, so a default must only stay out of their way.
    let unless = |names: &[&str], default: &Option<String>| match names {
        names if names.iter().any(|name| environment.optional(name).is_some()) => None,
        _ => default.clone(),
    };
    let of_file = CliOptions {
        // Credentials in variables are a choice, too, and a later one than the file's.
        profile: unless(&["AWS_PROFILE", "AWS_ACCESS_KEY_ID"], &defaults.profile),
        region: unless(&["AWS_REGION", "AWS_DEFAULT_REGION"], &defaults.region),
        endpoint_url: unless(&ENDPOINTS, &defaults.endpoint_url),
    };
    CliOptions {
        profile: global.profile.clone().or(of_file.profile),
        region: global.region.clone().or(of_file.region),
        endpoint_url: global.endpoint_url.clone().or(of_file.endpoint_url),
    }
}

/// How a scan that found so many messages ended.
pub fn end_of_scan(scanned: &Scanned, found: u64) -> Exit {
    match found {
        _ if scanned.stopped.interrupted => Exit::Interrupted,
        _ if scanned.not_seen > 0 => Exit::Partly,
        0 => Exit::NothingMatched,
        _ => Exit::Done,
    }
}

/// Whether personal data is shown.
pub fn reveal(wanted: bool) -> Reveal {
    if wanted { Reveal::Everything } else { Reveal::Nothing }
}

/// Whether an argument is a file and not a queue: SQS's names have no slash, and no dot but that of `.fifo`.
pub fn is_file(argument: &str) -> bool {
    let written_as_queue = !matches!(QueueArgument::parse(argument), QueueArgument::Name(_));
    let dotted = argument.contains('.') && !queue_argument::is_fifo(argument);
    !written_as_queue && (argument.contains('/') || dotted || Path::new(argument).is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_from_a_queue_by_how_it_is_written() {
        for file in ["messages.ndjson", "./letters", "/tmp/letters", "a/b"] {
            assert!(is_file(file), "{file}");
        }
        for queue in
            ["orders-dlq", "orders.fifo", "arn:aws:sqs:eu-west-1:1:q", "https://sqs.eu-west-1.amazonaws.com/1/q"]
        {
            assert!(!is_file(queue), "{queue}");
        }
    }
}
