//! The file `dlq-replayer.toml`: names for queues, and defaults for flags.
//!
//! ```toml
//! [aliases]
//! orders = "arn:aws:sqs:eu-west-1:111122223333:orders-dlq"
//!
//! [defaults]
//! profile = "operations"
//! rate = "50/s"
//! visibility = 120
//! ```

use std::{
    collections::BTreeMap,
    fs, io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;
use serde::Deserialize;

use super::options::rate;
use crate::run::settings::MOST_CALLS;

/// The file below the folder for configuration.
const FILE: &str = "dlq-replayer/dlq-replayer.toml";

/// Longest visibility timeout, in seconds: 12 hours.
/// Source: "Amazon SQS visibility timeout" in the Amazon SQS developer guide.
const LONGEST_VISIBILITY: u32 = 43_200;

/// What the file says; everything in it is optional.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Queue names, URLs or ARNs, by the names that stand for them.
    pub aliases: BTreeMap<String, String>,
    /// Used where the flag is not given.
    pub defaults: Defaults,
}

/// Defaults for flags. The flags win over them, and so do the variables `AWS_PROFILE`, `AWS_REGION`, `AWS_DEFAULT_REGION` and `AWS_ENDPOINT_URL`;
/// `AWS_ACCESS_KEY_ID` wins over the profile.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// `--profile`.
    pub profile: Option<String>,
    /// `--region`.
    pub region: Option<String>,
    /// `--endpoint-url`.
    pub endpoint_url: Option<String>,
    /// `--concurrency`: batches under way at once.
    pub concurrency: Option<NonZeroUsize>,
    /// `--visibility`: how long received messages stay hidden, in seconds.
    pub visibility: Option<u32>,
    /// `--rate`, written as the flag takes it.
    pub rate: Option<String>,
    /// `--quarantine`: a queue, or an alias of one.
    pub quarantine: Option<String>,
    /// `--max-replays`.
    pub max_replays: Option<u32>,
    /// `--max-bounced`: a share from 0 to 1.
    pub max_bounced: Option<f64>,
}

/// Why a text is not a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFault {
    /// It is not TOML, or has a key or a type that is not known here.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// What is wrong, with the known keys where one is unknown.
        message: String,
    },
    /// An alias could be taken for a URL or an ARN.
    #[error("the alias `{0}` may only have letters, digits, `-` and `_`")]
    AliasName(String),
    /// An alias stands for nothing.
    #[error("the alias `{0}` stands for nothing")]
    EmptyAlias(String),
    /// A visibility timeout that SQS does not take.
    #[error("`visibility` is {0}; it must be 1 to {LONGEST_VISIBILITY} seconds")]
    Visibility(u32),
    /// More calls than the flag takes.
    #[error("`concurrency` is {0}; it must be 1 to {MOST_CALLS}")]
    Concurrency(usize),
    /// A rate that the flag would not take.
    #[error("`rate` is not valid: {0}")]
    Rate(String),
    /// A share that is not one.
    #[error("`max_bounced` must be from 0 to 1")]
    MaxBounced,
}

/// Why the file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no folder to look in.
    #[error("no home folder: set `XDG_CONFIG_HOME`")]
    NoHome(#[source] etcetera::HomeDirError),
    /// The file is there and cannot be read.
    #[error("cannot read the configuration `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The file does not say what it may say.
    #[error("the configuration `{}` is invalid", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: ConfigFault,
    },
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    ///
    /// [`ConfigFault`], with the place; an unknown key is named beside the known ones.
    pub fn parse(text: &str) -> Result<Self, ConfigFault> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let (line, column) = place(text, error.span().map_or(0, |span| span.start));
            ConfigFault::Syntax { line, column, message: error.message().to_owned() }
        })?;
        config.validate()?;
        Ok(config)
    }

    fn validate(&self) -> Result<(), ConfigFault> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        for (alias, queue) in &self.aliases {
            if alias.is_empty() || !alias.chars().all(plain) {
                return Err(ConfigFault::AliasName(alias.clone()));
            }
            if queue.trim().is_empty() {
                return Err(ConfigFault::EmptyAlias(alias.clone()));
            }
        }
        if let Some(text) = &self.defaults.rate {
            rate(text).map_err(ConfigFault::Rate)?;
        }
        match self.defaults {
            Defaults { visibility: Some(seconds), .. } if !(1..=LONGEST_VISIBILITY).contains(&seconds) => {
                Err(ConfigFault::Visibility(seconds))
            }
            Defaults { concurrency: Some(calls), .. } if calls.get() > MOST_CALLS => {
                Err(ConfigFault::Concurrency(calls.get()))
            }
            Defaults { max_bounced: Some(share), .. } if !(0.0..=1.0).contains(&share) => Err(ConfigFault::MaxBounced),
            _ => Ok(()),
        }
    }

    /// Where the file is: below `$XDG_CONFIG_HOME`, or below `~/.config` when that is not set.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoHome`].
    pub fn path() -> Result<PathBuf, ConfigError> {
        let base = etcetera::base_strategy::Xdg::new().map_err(ConfigError::NoHome)?;
        Ok(base.config_dir().join(FILE))
    }

    /// Reads the file; without one, everything is as the flags say.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], with the path.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(ConfigError::Unreadable { path: path.to_owned(), source }),
        };
        Self::parse(&text).map_err(|source| ConfigError::Invalid { path: path.to_owned(), source })
    }

    /// The queue that an argument stands for: what its alias says, or the argument itself.
    pub fn resolve<'a>(&'a self, argument: &'a str) -> &'a str {
        self.aliases.get(argument).map_or(argument, String::as_str)
    }
}

/// The line and the column of a byte, both from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
    (before.matches('\n').count() + 1, column + 1)
}

#[cfg(test)]
mod tests;
