//! What a figure must be, in which unit, and whether it is.

use std::io::{self, Write};

use serde::Serialize;

use crate::{
    statistics::Spread,
    table::{spread, table},
};

/// A figure and what it must be.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) what: &'static str,
    pub(crate) unit: Unit,
    pub(crate) bound: Bound,
    pub(crate) measured: Spread,
    /// By the median; None for a figure that is there to compare.
    pub(crate) reached: Option<bool>,
}

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
    Megabytes,
}

impl Target {
    /// None without a figure.
    pub(crate) fn of(what: &'static str, unit: Unit, bound: Bound, measured: Option<Spread>) -> Option<Self> {
        let measured = measured?;
        Some(Self { what, unit, bound, measured, reached: bound.holds(measured.median) })
    }
}

/// Target, measured, reached or not.
pub(crate) fn target_table(targets: &[Target]) -> String {
    let row = |target: &Target| {
        let reached = match target.reached {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        let measured = spread(target.measured, |value| target.unit.show(value));
        vec![target.what.to_owned(), target.bound.show(target.unit), measured, reached.to_owned()]
    };
    table(&["what", "target", "measured", "reached"], targets.iter().map(row))
}

/// Names the targets that were not reached.
///
/// # Errors
///
/// Whatever writing says.
pub(crate) fn name_missed(targets: &[Target], out: &mut impl Write) -> io::Result<()> {
    targets
        .iter()
        .filter(|target| target.reached == Some(false))
        .try_for_each(|target| writeln!(out, "✗ target not reached: {}", target.what))
}

impl Bound {
    /// Whether the figure is as it must be; None if anything will do.
    fn holds(self, value: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(value >= least),
            Self::AtMost(most) => Some(value <= most),
            Self::None => None,
        }
    }

    /// In a table.
    fn show(self, unit: Unit) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {}", unit.show(least)),
            Self::AtMost(most) => format!("≤ {}", unit.show(most)),
            Self::None => "to compare".to_owned(),
        }
    }
}

impl Unit {
    /// A figure with its unit.
    fn show(self, value: f64) -> String {
        match self {
            Self::Percent => format!("{:.0} %", value * 100.0),
            Self::Times => format!("{value:.1} ×"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Milliseconds => format!("{:.1} ms", value * 1_000.0),
            Self::Mebibytes => format!("{value:.1} MiB"),
            Self::Megabytes => format!("{value:.2} MB"),
        }
    }
}
