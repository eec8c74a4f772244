//! A PostConfirmation trigger after `examples/basic-cognito-post-confirmation` of aws-lambda-rust-runtime, with EventBridge in the place of SES.

use aws_config::BehaviorVersion;
use aws_lambda_events::event::cognito::CognitoEventUserPoolsPostConfirmation as Event;
use aws_sdk_eventbridge::{Client, types::PutEventsRequestEntry};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::json;

async fn handler(client: &Client, bus: &str, event: LambdaEvent<Event>) -> Result<Event, Error> {
    let user = &event.payload.request.user_attributes;
    let detail = json!({ "sub": user.get("sub"), "email": user.get("email"), "first_name": user.get("given_name"), "last_name": user.get("family_name") });
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name(bus)
        .source("bench")
        .detail_type("UserConfirmed")
        .detail(detail.to_string())
        .build();
    let answer = client.put_events().entries(entry).send().await?;
    if answer.failed_entry_count() > 0 {
        return Err("EventBridge did not take the event".into());
    }
    Ok(event.payload)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = Client::new(&config);
    let bus = std::env::var("EVENT_BUS_NAME")?;
    run(service_fn(|event| handler(&client, &bus, event))).await
}
