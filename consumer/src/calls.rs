//! Calls to SQS in tens, side by side, until time is up.

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc::UnboundedReceiver;

/// Entries of one batch call, SQS's own limit.
pub(crate) const ENTRIES: usize = 10;

/// Calls under way at the same time.
const CALLS: usize = 10;

/// The groups that arrive, until their sender is dropped.
pub(crate) fn arriving<T>(mut groups: UnboundedReceiver<Vec<T>>) -> impl Stream<Item = Vec<T>> {
    stream::poll_fn(move |context| groups.poll_recv(context))
}

/// Makes the calls and gathers their results. When time runs out, calls in flight are dropped and no new ones start.
pub(crate) async fn side_by_side<T, C: Future<Output = T>>(
    calls: impl Stream<Item = C>,
    over: impl Future<Output = ()>,
) -> Vec<T> {
    calls.buffer_unordered(CALLS).take_until(over).collect().await
}
