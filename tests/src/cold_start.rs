//! What the producer is measured with: Lambda's side of one execution environment, EventBridge over TLS on loopback, and triggers that other people would write.

mod life;
mod peers;
mod put_events;
mod quota;

pub use life::{Function, Life, live};
pub use peers::{Program, Programs};
pub use put_events::{PutEvents, Seen};
pub use quota::Quota;
