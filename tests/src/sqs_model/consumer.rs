//! What drains a queue of the model: nothing runs by itself, so each call and each look first does what was due.

use std::time::Duration;

use uuid::Uuid;

use super::{
    State,
    message::{NewMessage, Stored, string},
    place::Place,
    queue::ModelQueue,
};

/// What drains a queue. `after` counts from a message's arrival.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Consumer {
    /// Nothing.
    #[default]
    None,
    /// A consumer that succeeds.
    Takes {
        /// How long it takes for each message.
        after: Duration,
    },
    /// A consumer that gives messages up: it sends a copy with a reason to a dead-letter queue, under another id.
    GivesUp {
        /// The dead-letter queue's name, in the same Region and account.
        dlq: String,
        /// How long it takes for each message.
        after: Duration,
    },
    /// A consumer that fails until the redrive policy moves the message, which keeps its id.
    Redrives {
        /// The dead-letter queue's name, in the same Region and account.
        dlq: String,
        /// How long it takes for each message.
        after: Duration,
    },
}

/// How a message leaves its queue.
enum Leaves {
    GivenUp,
    Redriven { from: String, receives: u64 },
}

impl State {
    /// Does what the consumers would have done by now.
    pub(super) fn consume(&mut self) {
        let mut moves = Vec::new();
        for queue in self.queues.values_mut() {
            moves.extend(due(queue));
        }
        for (place, dlq, leaves, message) in moves {
            self.arrive(place, dlq, leaves, message);
        }
        self.note_counts();
    }

    fn arrive(&mut self, place: Place, dlq: String, leaves: Leaves, message: Stored) {
        let seq = self.next_seq();
        let Some(queue) = self.queues.get_mut(&(place, dlq)) else { return };
        match leaves {
            Leaves::GivenUp => {
                queue.put(seq, copy_with_reason(message));
            }
            Leaves::Redriven { from, receives } => {
                queue.put(seq, message.into_new().redriven_from(&from));
                // Lambda and people see the count go on in the dead-letter queue.
                queue.received_before(seq, receives);
            }
        }
    }
}

/// Takes out of a queue what its consumer is done with, and says where each message goes that goes anywhere.
fn due(queue: &mut ModelQueue) -> Vec<(Place, String, Leaves, Stored)> {
    let consumer = match &queue.bounces_to {
        Some(dlq) => Consumer::GivesUp { dlq: dlq.clone(), after: Duration::ZERO },
        None => queue.consumer.clone(),
    };
    let (dlq, after, redrives) = match consumer {
        Consumer::None => return Vec::new(),
        Consumer::Takes { after } => (None, after, false),
        Consumer::GivesUp { dlq, after } => (Some(dlq), after, false),
        Consumer::Redrives { dlq, after } => (Some(dlq), after, true),
    };
    let messages: Vec<_> = queue.due(after).into_iter().filter_map(|seq| queue.remove(seq)).collect();
    let Some(dlq) = dlq else { return Vec::new() };
    let from = queue.place.arn(&queue.name);
    let leaves = || {
        let moved = Leaves::Redriven { from: from.clone(), receives: queue.max_receive_count };
        if redrives { moved } else { Leaves::GivenUp }
    };
    messages.into_iter().map(|message| (queue.place.clone(), dlq.clone(), leaves(), message)).collect()
}

fn copy_with_reason(message: Stored) -> NewMessage {
    let mut copy = message.into_new();
    let source = std::mem::replace(&mut copy.id, Uuid::new_v4().to_string());
    copy.attributes.insert("failure_reason".to_owned(), string("check_violation:no"));
    copy.attributes.insert("source_message_id".to_owned(), string(&source));
    if let Some(deduplication) = copy.system.get_mut("MessageDeduplicationId") {
        *deduplication = source;
    }
    for set_by_sqs in ["SentTimestamp", "SenderId"] {
        copy.system.remove(set_by_sqs);
    }
    copy
}
