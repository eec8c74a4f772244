//! The flags that several commands take: which messages, how a run goes, and what stops it.

use std::time::Duration;

use clap::{Args, builder::NonEmptyStringValueParser};
use jiff::{SignedDuration, Timestamp};

use super::hints::UsageError;
use crate::{
    rules::{
        jq::Jq,
        select::{SelectionText, age},
    },
    run::rate::RateSetting,
};

/// Which messages match.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which messages (filters combine)")]
pub struct Filters {
    /// Reason of the failure, as `triage` shows it; can be repeated
    #[arg(long, value_name = "REASON", value_parser = NonEmptyStringValueParser::new())]
    pub reason: Vec<String>,
    /// Attribute that the message must have; repeat it to require several
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub attribute: Vec<(String, String)>,
    /// Minimum time since the message was sent, such as 2h or 3d
    #[arg(long, value_name = "AGE", value_parser = past)]
    pub older_than: Option<SignedDuration>,
    /// Maximum time since the message was sent
    #[arg(long, value_name = "AGE", value_parser = past)]
    pub newer_than: Option<SignedDuration>,
    /// Message id; can be repeated
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub id: Vec<String>,
    /// jq expression over {id, body, attributes, system}; a result must not be false or null
    #[arg(long = "where", value_name = "JQ", value_parser = jq)]
    pub filter: Option<String>,
    /// Maximum number of messages that match [default: 100 for `list`, otherwise no limit]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
}

pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Reads an age that lies in the time that can be told.
pub(super) fn past(text: &str) -> Result<SignedDuration, String> {
    let age = age(text).map_err(|error| error.to_string())?;
    Timestamp::now().checked_sub(age).map(|_| age).map_err(|_| "it is too long ago".to_owned())
}

/// Reads a jq expression, so that a fault in it is found before anything is asked.
pub(super) fn jq(text: &str) -> Result<String, String> {
    let fault = |error: anyhow::Error| {
        let text = error.to_string();
        text.split_once("is not a jq expression: ").map_or(text.clone(), |(_, fault)| fault.to_owned())
    };
    Jq::compile(text).map(|_| text.to_owned()).map_err(fault)
}

impl Filters {
    /// The selection that they describe; ages count from `now`.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when no message can be of these ages; an age is longer than the time that can be told.
    pub fn selection(&self, now: Timestamp) -> anyhow::Result<SelectionText> {
        if let (Some(oldest), Some(newest)) = (self.newer_than, self.older_than)
            && oldest <= newest
        {
            let text = format!("no message is newer than {oldest:#} and older than {newest:#}");
            return Err(UsageError(text).into());
        }
        let ago = |age: Option<SignedDuration>| age.map(|age| now.checked_sub(age)).transpose();
        Ok(SelectionText {
            reasons: self.reason.clone(),
            attributes: self.attribute.clone(),
            sent_before: ago(self.older_than)?,
            sent_after: ago(self.newer_than)?,
            ids: self.id.clone(),
            filter: self.filter.clone(),
        })
    }
}

/// How a run that changes something goes. A dry run accepts flags of the run, so that `--execute` is all that has to be added.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "How it runs")]
pub struct RunOptions {
    /// Apply the changes; without it, only show what would happen
    #[arg(long)]
    pub execute: bool,
    /// With `--execute`: skip the confirmation for more than 100 messages
    #[arg(short = 'y', long)]
    pub yes: bool,
    /// Repeat the selection and treatment of an earlier run: its name, or `last`
    #[arg(long, value_name = "RUN")]
    pub resume: Option<String>,
    /// With `--execute`: messages per second, such as 50/s, or `unlimited`; adapts automatically if unset
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub rate: Option<RateSetting>,
    /// Show personal data in the dry run
    #[arg(long, conflicts_with = "execute")]
    pub reveal: bool,
}

/// What stops a run whose messages return.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What stops it (with `--execute`)")]
pub struct StopOptions {
    /// Share of the sent messages (0 to 1) that may return before the run stops; 0.5 if unset
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub max_bounced: Option<f64>,
    /// Number of messages to send first; the rest follows only if they do not return
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub canary: Option<u64>,
    /// Maximum wait for the canary, such as 10m; if unset, the destination's visibility timeout times its maxReceiveCount, at most 1h
    #[arg(long, value_name = "TIME", alias = "settle", requires = "canary", value_parser = duration)]
    pub canary_timeout: Option<Duration>,
}

/// Reads a rate such as `50/s`.
///
/// # Errors
///
/// The text is not a rate.
pub fn rate(text: &str) -> Result<RateSetting, String> {
    if text == "unlimited" {
        return Ok(RateSetting::Unlimited);
    }
    let number = text.strip_suffix("/s").unwrap_or(text);
    // One message in a hundred days is slower than any queue keeps it.
    let rate = number.parse().ok().filter(|rate| *rate >= 1e-7 && f64::is_finite(*rate));
    rate.map(RateSetting::Fixed).ok_or("expected a rate such as 50/s, or `unlimited`".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or("expected a share from 0 to 1".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    age(text).ok().and_then(|time| Duration::try_from(time).ok()).ok_or("expected a time such as 90s or 10m".to_owned())
}
