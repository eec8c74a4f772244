//! Requests that cannot have an effect, to learn whether they are allowed.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sqs::types::QueueAttributeName;

use super::{
    address,
    arn::Arn,
    call_error::{CallError, call_error},
    clients::Clients,
    lambda,
    queue::Queue,
};

/// A receipt that no message has.
const NO_RECEIPT: &str = "none";

/// A rule that no bus has.
const NO_RULE: &str = "none";

/// More messages than a receive may ask for, so that it gives none.
const TOO_MANY: i32 = 11;

/// An event pattern and an event that the service rejects.
const NOT_JSON: &str = "not JSON";

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// About a queue.
    Queue(QueueProbe),
    /// About an event bus.
    Bus(BusProbe),
    /// About a function.
    Function(FunctionProbe),
    /// For the names of queues.
    ListQueues,
}

/// What is asked of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueProbe {
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
    /// The queues that it is the dead-letter queue of.
    Sources,
}

/// What is asked of a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusProbe {
    /// To describe it.
    Describe,
    /// Its rules.
    Rules,
    /// The targets of a rule that does not exist.
    Targets,
    /// Whether a pattern matches an event, neither of which is one.
    TestPattern,
    /// To put an event whose detail is not JSON, which is never accepted.
    Put,
}

/// What is asked of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionProbe {
    /// To be invoked, without being invoked.
    Invoke,
    /// Its ARN.
    Arn,
}

/// Asks a queue.
///
/// # Errors
///
/// What the service says; everything but a denial means that the request is allowed.
pub async fn queue(clients: &Clients, queue: &Queue, probe: QueueProbe) -> Result<(), CallError> {
    let sqs = clients.sqs(Some(&queue.address.region));
    let (url, name) = (&queue.address.url, &queue.address.name);
    match probe {
        QueueProbe::Url => {
            let account = Some(queue.address.account.clone()).filter(|account| !account.is_empty());
            let ask = sqs.get_queue_url().queue_name(name).set_queue_owner_aws_account_id(account).send().await;
            ask.map(|_| ()).map_err(|error| call_error("GetQueueUrl", name, &error))
        }
        QueueProbe::Attributes => {
            let ask =
                sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn).send().await;
            ask.map(|_| ()).map_err(|error| call_error("GetQueueAttributes", name, &error))
        }
        QueueProbe::Receive => {
            let ask = sqs
                .receive_message()
                .queue_url(url)
                .max_number_of_messages(TOO_MANY)
                .visibility_timeout(0)
                .send()
                .await;
            ask.map(|_| ()).map_err(|error| call_error("ReceiveMessage", name, &error))
        }
        QueueProbe::Hide => {
            let ask = sqs.change_message_visibility().queue_url(url).receipt_handle(NO_RECEIPT).visibility_timeout(0);
            ask.send().await.map(|_| ()).map_err(|error| call_error("ChangeMessageVisibility", name, &error))
        }
        QueueProbe::Delete => {
            let ask = sqs.delete_message().queue_url(url).receipt_handle(NO_RECEIPT).send().await;
            ask.map(|_| ()).map_err(|error| call_error("DeleteMessage", name, &error))
        }
        QueueProbe::Send => {
            let ask = sqs.send_message_batch().queue_url(url).set_entries(Some(Vec::new())).send().await;
            ask.map(|_| ()).map_err(|error| call_error("SendMessageBatch", name, &error))
        }
        QueueProbe::Sources => address::sources(clients, &queue.address).await.map(|_| ()),
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

/// Asks a bus.
///
/// # Errors
///
/// What the service says.
pub async fn bus(clients: &Clients, name: &str, probe: BusProbe) -> Result<(), CallError> {
    let events = clients.events(Arn::region_of(name));
    match probe {
        BusProbe::Describe => {
            let ask = events.describe_event_bus().name(name).send().await;
            ask.map(|_| ()).map_err(|error| call_error("DescribeEventBus", name, &error))
        }
        BusProbe::Rules => {
            let ask = events.list_rules().event_bus_name(name).limit(1).send().await;
            ask.map(|_| ()).map_err(|error| call_error("ListRules", name, &error))
        }
        BusProbe::Targets => {
            let ask = events.list_targets_by_rule().event_bus_name(name).rule(NO_RULE).send().await;
            ask.map(|_| ()).map_err(|error| call_error("ListTargetsByRule", name, &error))
        }
        BusProbe::TestPattern => {
            let ask = events.test_event_pattern().event(NOT_JSON).event_pattern(NOT_JSON).send().await;
            ask.map(|_| ()).map_err(|error| call_error("TestEventPattern", name, &error))
        }
        BusProbe::Put => {
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

/// Asks about a function.
///
/// # Errors
///
/// What the service says.
pub async fn function(clients: &Clients, name: &str, probe: FunctionProbe) -> Result<(), CallError> {
    match probe {
        FunctionProbe::Invoke => lambda::may_be_invoked(clients, name).await,
        FunctionProbe::Arn => lambda::arn_of(clients, name).await.map(|_| ()),
    }
}
