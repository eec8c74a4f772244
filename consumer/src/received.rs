//! A message as ReceiveMessage gives it, in the shape in which Lambda delivers it.

use aws_lambda_events::{
    encodings::Base64Data,
    sqs::{SqsMessage, SqsMessageAttribute},
};
use aws_sdk_sqs::types::{Message, MessageAttributeValue};

/// Everything that the handler looks at, and everything that a copy among the dead letters must keep.
pub(crate) fn as_lambda_delivers(message: Message) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = message.message_id;
    record.receipt_handle = message.receipt_handle;
    record.body = message.body;
    let system = message.attributes.unwrap_or_default();
    record.attributes = system.into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect();
    let own = message.message_attributes.unwrap_or_default();
    record.message_attributes = own.into_iter().map(|(name, value)| (name, attribute(value))).collect();
    record
}

fn attribute(value: MessageAttributeValue) -> SqsMessageAttribute {
    let mut attribute = SqsMessageAttribute::default();
    attribute.data_type = Some(value.data_type);
    attribute.string_value = value.string_value;
    attribute.binary_value = value.binary_value.map(|bytes| {
        let mut data = Base64Data::default();
        data.0 = bytes.into_inner();
        data
    });
    attribute
}
