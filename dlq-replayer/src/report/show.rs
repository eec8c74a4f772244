//! `show`: one message with everything, masked unless revealed.

use std::{collections::BTreeMap, fmt::Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    masking::{self, Reveal},
    output::{Report, Style},
};
use crate::{rules::cause::Cause, sqs::message::Message};

/// One message with everything.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShowReport {
    /// Its id.
    pub id: String,
    /// Why it is here.
    pub reason: String,
    /// A sentence about it.
    pub detail: String,
    /// The sender's attributes, masked unless revealed.
    pub attributes: BTreeMap<String, ShownAttribute>,
    /// What SQS says about it; what the sender chose is masked unless revealed.
    pub system: BTreeMap<String, String>,
    /// The body, masked unless revealed.
    pub body: String,
}

/// An attribute as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownAttribute {
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Its value, masked unless revealed; base64 when it is binary.
    pub value: String,
}

impl ShowReport {
    /// A message with everything.
    pub fn of(message: &Message, reveal: Reveal) -> Self {
        let cause = Cause::of(message);
        let attributes = message.attributes.iter().map(|(name, attribute)| {
            let value = masking::attribute(message, name, attribute, reveal);
            (name.clone(), ShownAttribute { data_type: attribute.data_type.clone(), value })
        });
        let system = message.system.iter().map(|(name, value)| (name.clone(), masking::system(name, value, reveal)));
        Self {
            id: message.id.clone(),
            reason: cause.reason(),
            detail: cause.detail(),
            attributes: attributes.collect(),
            system: system.collect(),
            body: masking::pretty_body(&message.body, reveal),
        }
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{}\n{}: {}\n\nattributes", self.id, self.reason, self.detail)?;
        for (name, ShownAttribute { data_type, value }) in &self.attributes {
            writeln!(out, "  {name} ({data_type}): {value}")?;
        }
        writeln!(out, "\nsystem attributes")?;
        for (name, value) in &self.system {
            writeln!(out, "  {name}: {value}")?;
        }
        writeln!(out, "\nbody\n{}", self.body)
    }
}

impl Report for ShowReport {
    fn text(&self, _: Style) -> String {
        let mut out = String::new();
        // Writing to a String does not fail.
        let _ = self.write(&mut out);
        out
    }
}
