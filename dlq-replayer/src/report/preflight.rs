//! `preflight`: which permissions of a command were checked, and how.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;

use super::output::{Report, Style, lines, table};

/// The permissions that a command needs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PreflightReport {
    /// The command.
    pub command: String,
    /// The checks.
    pub checks: Vec<Check>,
}

/// One permission.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Check {
    /// The action, such as `sqs:SendMessage`.
    pub action: String,
    /// What it is needed on.
    pub resource: String,
    /// What the answer says.
    pub verdict: Permission,
    /// The answer's code, where it adds something.
    pub answer: String,
    /// What the command does with it, where it works without it.
    pub optional: Option<String>,
}

/// What an answer says about a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// It is there.
    Allowed,
    /// It is missing.
    Denied,
    /// It cannot be checked without changing something.
    NotChecked,
}

impl Permission {
    fn text(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::NotChecked => "not checked",
        }
    }
}

impl PreflightReport {
    /// Whether the command is known to work: every permission was checked, and those without which it does not work are there.
    pub fn is_allowed(&self) -> bool {
        self.checks.iter().all(|Check { verdict, optional, .. }| match verdict {
            Permission::Allowed => true,
            Permission::Denied => optional.is_some(),
            Permission::NotChecked => false,
        })
    }

    fn not_checked(&self) -> usize {
        self.checks.iter().filter(|check| check.verdict == Permission::NotChecked).count()
    }
}

impl Report for PreflightReport {
    fn text(&self, style: Style) -> String {
        let mut rows = table(&["action", "resource", "permission", ""]);
        for Check { action, resource, verdict, answer, optional } in &self.checks {
            let text = match (verdict, optional) {
                (Permission::Allowed, _) => style.good(verdict.text()),
                (Permission::Denied, None) => style.bad(verdict.text()),
                (Permission::Denied, Some(_)) | (Permission::NotChecked, _) => style.warning(verdict.text()),
            };
            let note = match (verdict, optional) {
                (Permission::Denied, Some(what_for)) => format!("optional: {what_for}"),
                _ => answer.clone(),
            };
            rows.add_row([action, resource, &text, &note]);
        }
        let mut out = format!("permissions for {}; nothing was changed\n\n", self.command);
        // Writing to a String does not fail.
        let _ = write!(out, "{}", lines(&rows));
        let count = self.not_checked();
        if count > 0 {
            let checks = if count == 1 { "1 check is missing" } else { &format!("{count} checks are missing") };
            let _ = writeln!(
                out,
                "\n{} {checks}, so it is not known whether {} works",
                style.warning("note:"),
                self.command
            );
        }
        out
    }
}
