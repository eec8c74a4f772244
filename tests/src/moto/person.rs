//! A user who signs up to a pool in moto, and the call of the pool's trigger, which moto does not make.

use anyhow::{Context, ensure};
use serde_json::{Map, Value, json};

use super::pool::Pool;
use crate::target::Target;

/// A confirmed user.
#[derive(Debug)]
pub struct Person {
    /// The user's id.
    pub sub: String,
    /// The user's address.
    pub email: String,
}

/// Signs up and confirms, and calls the trigger that the pool names, as Cognito does: moto calls none.
///
/// Source: "Post confirmation Lambda trigger" in the Amazon Cognito developer guide.
///
/// # Errors
///
/// The pool has no client, refuses the person or calls nothing, or the trigger fails.
pub fn sign_up(target: &Target, pool: &Pool<'_>, email: &str) -> anyhow::Result<Person> {
    let clients = pool.call("ListUserPoolClients", json!({ "MaxResults": 1 }))?;
    let client = clients.pointer("/UserPoolClients/0/ClientId").context("a pool without a client")?;
    let request = json!({
        "ClientId": client, "Username": email, "Password": "Correct-Horse-7",
        "UserAttributes": [{ "Name": "email", "Value": email }],
    });
    let signed_up = target.moto.call("SignUp", &request)?;
    target
        .moto
        .call("ConfirmSignUp", &json!({ "ClientId": client, "Username": email, "ConfirmationCode": "123456" }))?;
    let sub = signed_up.get("UserSub").and_then(Value::as_str).context("a sign-up without a sub")?;
    let event = confirmation(pool, email, client)?;
    let triggers = pool.triggers()?;
    let trigger = triggers.get("PostConfirmation").and_then(Value::as_str).context("the pool calls nothing")?;
    let answer = target.call_trigger(trigger, &event)?;
    ensure!(answer == event, "the trigger gave back something else");
    Ok(Person { sub: sub.to_owned(), email: email.to_owned() })
}

/// What Cognito hands to the trigger.
fn confirmation(pool: &Pool<'_>, email: &str, client: &Value) -> anyhow::Result<Value> {
    let user = pool.call("AdminGetUser", json!({ "Username": email }))?;
    let attributes = user.get("UserAttributes").and_then(Value::as_array).into_iter().flatten();
    let attributes: Map<String, Value> =
        attributes.filter_map(|one| Some((one.get("Name")?.as_str()?.to_owned(), one.get("Value")?.clone()))).collect();
    Ok(json!({
        "version": "1", "region": "us-east-1", "userPoolId": pool.id, "userName": user.get("Username"),
        "callerContext": { "awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": client },
        "triggerSource": "PostConfirmation_ConfirmSignUp",
        "request": { "userAttributes": attributes }, "response": {},
    }))
}
