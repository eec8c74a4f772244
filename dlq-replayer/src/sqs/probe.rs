//! Requests that cannot have an effect, to learn whether they are allowed.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sqs::types::QueueAttributeName;

use super::{
    address::region_of_arn,
    call_error::{CallError, call_error},
    clients::Clients,
    queue::Queue,
};

/// A receipt that no message has.
const NO_RECEIPT: &str = "none";

/// More messages than a receive may ask for, so that it gives none.
const TOO_MANY: i32 = 11;

/// An event pattern and an event that the service rejects.
const NOT_JSON: &str = "not JSON";

/// What is asked of a queue.
#[derive(Clone, Copy, Debug)]
pub enum Probe {
    /// Its URL.
    Url,
    /// Its attributes.
    Attributes,
    /// To receive more than a receive may.
    Receive,
    /// To hide a message that does not exist.
    Hide,
    /// To delete a message that does not exist.
    Delete,
    /// To send a batch without entries.
    Send,
}

/// Asks a queue.
///
/// # Errors
///
/// What the service says; everything but a denial means that the request is allowed.
pub async fn queue(clients: &Clients, queue: &Queue, probe: Probe) -> Result<(), CallError> {
    let sqs = clients.sqs(Some(&queue.address.region));
    let (url, name) = (&queue.address.url, &queue.address.name);
    match probe {
        Probe::Url => {
            let account = Some(queue.address.account.clone()).filter(|account| !account.is_empty());
            let ask = sqs.get_queue_url().queue_name(name).set_queue_owner_aws_account_id(account).send().await;
            ask.map(|_| ()).map_err(|error| call_error("GetQueueUrl", name, &error))
        }
        Probe::Attributes => {
            let ask =
                sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn).send().await;
            ask.map(|_| ()).map_err(|error| call_error("GetQueueAttributes", name, &error))
        }
        Probe::Receive => {
            let ask = sqs
                .receive_message()
                .queue_url(url)
                .max_number_of_messages(TOO_MANY)
                .visibility_timeout(0)
                .send()
                .await;
            ask.map(|_| ()).map_err(|error| call_error("ReceiveMessage", name, &error))
        }
        Probe::Hide => {
            let ask = sqs.change_message_visibility().queue_url(url).receipt_handle(NO_RECEIPT).visibility_timeout(0);
            ask.send().await.map(|_| ()).map_err(|error| call_error("ChangeMessageVisibility", name, &error))
        }
        Probe::Delete => {
            let ask = sqs.delete_message().queue_url(url).receipt_handle(NO_RECEIPT).send().await;
            ask.map(|_| ()).map_err(|error| call_error("DeleteMessage", name, &error))
        }
        Probe::Send => {
            let ask = sqs.send_message_batch().queue_url(url).set_entries(Some(Vec::new())).send().await;
            ask.map(|_| ()).map_err(|error| call_error("SendMessageBatch", name, &error))
        }
    }
}

/// Asks for the names of queues.
///
/// # Errors
///
/// What the service says.
pub async fn list_queues(clients: &Clients) -> Result<(), CallError> {
    let ask = clients.sqs(None).list_queues().max_results(1).send().await;
    ask.map(|_| ()).map_err(|error| call_error("ListQueues", "*", &error))
}

/// Asks a bus for what an action allows.
///
/// # Errors
///
/// What the service says.
pub async fn bus(clients: &Clients, name: &str, action: &str) -> Result<(), CallError> {
    let events = clients.events(region_of_arn(name));
    match action {
        "events:DescribeEventBus" => {
            let ask = events.describe_event_bus().name(name).send().await;
            ask.map(|_| ()).map_err(|error| call_error("DescribeEventBus", name, &error))
        }
        "events:ListRules" => {
            let ask = events.list_rules().event_bus_name(name).limit(1).send().await;
            ask.map(|_| ()).map_err(|error| call_error("ListRules", name, &error))
        }
        "events:ListTargetsByRule" => {
            let ask = events.list_targets_by_rule().event_bus_name(name).rule(NO_RECEIPT).send().await;
            ask.map(|_| ()).map_err(|error| call_error("ListTargetsByRule", name, &error))
        }
        "events:TestEventPattern" => {
            let ask = events.test_event_pattern().event(NOT_JSON).event_pattern(NOT_JSON).send().await;
            ask.map(|_| ()).map_err(|error| call_error("TestEventPattern", name, &error))
        }
        _ => {
            // An entry whose detail is not JSON is never accepted.
            let entry = PutEventsRequestEntry::builder()
                .event_bus_name(name)
                .source("preflight")
                .detail_type("preflight")
                .detail(NOT_JSON)
                .build();
            let ask = events.put_events().entries(entry).send().await;
            ask.map(|_| ()).map_err(|error| call_error("PutEvents", name, &error))
        }
    }
}
