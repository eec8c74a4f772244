//! What a figure must be, and in which unit.

use serde::Serialize;

/// What a figure must be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// There is none.
    None,
}

/// What a figure is in.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    /// A ratio, shown in percent.
    Percent,
    /// A ratio, shown as a factor.
    Times,
    Seconds,
    Milliseconds,
    Mebibytes,
}

impl Bound {
    /// Whether the figure is as it must be; None if anything will do.
    pub(crate) fn holds(self, value: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(value >= least),
            Self::AtMost(most) => Some(value <= most),
            Self::None => None,
        }
    }

    /// In a table.
    pub(crate) fn show(self, unit: Unit) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {}", unit.show(least)),
            Self::AtMost(most) => format!("≤ {}", unit.show(most)),
            Self::None => "to compare".to_owned(),
        }
    }
}

impl Unit {
    /// A figure with its unit.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Percent => format!("{:.0} %", value * 100.0),
            Self::Times => format!("{value:.1} ×"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Milliseconds => format!("{:.1} ms", value * 1_000.0),
            Self::Mebibytes => format!("{value:.1} MiB"),
        }
    }
}

/// Whether a target was reached, in a table.
pub(crate) fn in_words(reached: Option<bool>) -> &'static str {
    match reached {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "",
    }
}
