//! Asynchronous invocations of Lambda functions at the wire.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{
    State,
    place::{ACCOUNT, Place, region},
    refused,
};
use crate::scripted_http::{Answer, Call};

/// A function: what it was invoked with, and the status and code that it refuses invocations with.
#[derive(Default)]
pub(super) struct Function {
    pub(super) payloads: Vec<String>,
    pub(super) refuses: Option<(u16, &'static str)>,
}

/// Functions by their place and name.
pub(super) type Functions = BTreeMap<(Place, String), Function>;

impl State {
    /// Source: `GetFunctionConfiguration` (AWS Lambda API Reference).
    pub(super) fn function_configuration(&self, call: &Call) -> Answer {
        match function_of(call).filter(|key| self.functions.contains_key(key)) {
            Some((Place { region, account }, name)) => {
                let arn = format!("arn:aws:lambda:{region}:{account}:function:{name}");
                Answer::Reply(200, json!({ "FunctionName": name, "FunctionArn": arn }))
            }
            None => refused(404, "ResourceNotFoundException"),
        }
    }

    /// Source: "Invoke" (AWS Lambda API Reference).
    pub(super) fn invoke(&mut self, call: &Call) -> Answer {
        let Some(function) = function_of(call).and_then(|key| self.functions.get_mut(&key)) else {
            return refused(404, "ResourceNotFoundException");
        };
        if let Some((status, code)) = function.refuses {
            return refused(status, code);
        }
        if !call.text.is_empty() && serde_json::from_str::<Value>(&call.text).is_err() {
            return refused(400, "InvalidRequestContentException");
        }
        match call.headers.get("x-amz-invocation-type").map(String::as_str) {
            Some("DryRun") => Answer::Reply(204, Value::Null),
            Some("Event") => {
                function.payloads.push(call.text.clone());
                Answer::Reply(202, Value::Null)
            }
            _ => {
                function.payloads.push(call.text.clone());
                Answer::Reply(200, Value::Null)
            }
        }
    }
}

/// Where the function of a call is. A call names it by its name, its ARN, or the end of its ARN, each with a qualifier
/// or without.
fn function_of(call: &Call) -> Option<(Place, String)> {
    let (_, path) = call.url.split_once("/functions/")?;
    let name = percent_decode_str(path.split('/').next()?).decode_utf8().ok()?;
    let (account, name) = match name.split(':').collect::<Vec<_>>()[..] {
        ["arn", _, "lambda", at, account, "function", name, ..] if at == region(call) => (account, name),
        [account, "function", name, ..] => (account, name),
        [name, ..] if name != "arn" => (ACCOUNT, name),
        _ => return None,
    };
    Some((Place::new(region(call), account), name.to_owned()))
}
