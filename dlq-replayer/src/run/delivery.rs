//! The one way in which messages leave for a destination. Promise P5 rests on its order:
//! the journal says "sending", the batch is sent once, the journal says "sent" for those that the answer lists as taken.

use std::{cell::RefCell, collections::HashSet, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    journal::write::{Journal, Record},
    report::counts::Tally,
    rules::decide::Route,
    run::interrupt::Interrupt,
    run::rate::{Pace, Trouble},
    sqs::call_error::{CallError, Effect},
    sqs::destination::{Destination, Item},
    sqs::message::MessageKey,
    sqs::queue::Entry,
};

/// Sends of one message, when the destination says that another try may help, or does not answer.
const TRIES: u32 = 3;

/// Sends of one message when the destination asks for a slower pace.
const THROTTLED_TRIES: u32 = 8;

/// Codes that refuse a batch for what is in it. Whoever is to blame is found by sending its messages one by one.
const ABOUT_THE_BATCH: [&str; 4] =
    ["BatchRequestTooLong", "InvalidMessageContents", "InvalidParameterValue", "MissingParameter"];

/// First wait before another try; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// What came of a batch.
#[derive(Debug)]
pub struct Delivered {
    /// For each message, in order: the id it has at the destination, if its arrival is confirmed.
    pub ids: Vec<Option<String>>,
    /// What must stop the run.
    pub fault: Option<anyhow::Error>,
}

/// The sending end of a run.
pub struct Delivery<'a> {
    /// Where messages go.
    pub destination: &'a Destination,
    /// Where those go that have been replayed too often.
    pub quarantine: Option<&'a Destination>,
    /// What is written before and after each send.
    pub journal: &'a Journal,
    /// How fast.
    pub pace: RefCell<Pace>,
    /// Since when.
    pub began: Instant,
    /// What has been done.
    pub tally: RefCell<Tally>,
    /// Whether to stop waiting.
    pub interrupt: &'a Interrupt,
    /// Messages that an earlier run has sent without an answer.
    pub doubtful: HashSet<MessageKey>,
}

/// One batch on its way.
struct Batch<'b> {
    items: &'b [Item],
    /// The places of those that are still to be sent.
    open: Vec<usize>,
    /// For each: whether a send of it had no answer.
    lost: Vec<bool>,
    ids: Vec<Option<String>>,
    tries: u32,
    throttled: u32,
}

impl Delivery<'_> {
    /// Sends one batch, with as many tries as make sense, and says what is confirmed.
    ///
    /// A message whose send had no answer is sent again: at least once is what SQS itself promises, and the tally names it.
    pub async fn deliver(&self, route: Route, items: &[Item]) -> Delivered {
        let count = items.len();
        let mut batch = Batch {
            items,
            open: (0..count).collect(),
            lost: items.iter().map(|item| self.doubtful.contains(&item.message.key())).collect(),
            ids: vec![None; count],
            tries: 0,
            throttled: 0,
        };
        let mut fault = None;
        while !batch.open.is_empty() && fault.is_none() {
            if self.wait_for_place(batch.open.len()).await == Place::Interrupted {
                break;
            }
            fault = self.send_once(route, &mut batch).await.err();
        }
        Delivered { ids: batch.ids, fault }
    }

    async fn send_once(&self, route: Route, batch: &mut Batch<'_>) -> anyhow::Result<()> {
        let destination = match (route, self.quarantine) {
            (Route::Quarantine, Some(quarantine)) => quarantine,
            _ => self.destination,
        };
        self.journal.write(&Record::Sending { ids: batch.ids_of(&batch.open) }).await?;
        let items: Vec<_> = batch.open.iter().filter_map(|at| batch.items.get(*at)).collect();
        match destination.send(&items).await {
            Ok(entries) => self.take_answer(route, batch, entries).await,
            Err(error) => self.take_error(route, batch, error).await,
        }
    }

    /// Reads an answer entry by entry. What is not proven to be sent is not sent.
    async fn take_answer(&self, route: Route, batch: &mut Batch<'_>, entries: Vec<Entry>) -> anyhow::Result<()> {
        batch.tries += 1;
        let (mut sent, mut refused, mut again) = (Vec::new(), Vec::new(), Vec::new());
        for (at, entry) in std::mem::take(&mut batch.open).into_iter().zip(entries) {
            match entry {
                Entry::Sent(id) => {
                    sent.push((batch.id(at), id.clone()));
                    batch.confirm(at, id, &mut self.tally.borrow_mut(), route);
                }
                Entry::Refused { again: true, .. } if batch.tries < TRIES => again.push(at),
                Entry::Refused { code, .. } => refused.push((at, code)),
            }
        }
        for (at, code) in &refused {
            batch.give_up(*at, code, &mut self.tally.borrow_mut());
        }
        let not_sent: Vec<_> = refused.iter().map(|(at, _)| *at).chain(again.iter().copied()).collect();
        self.note_not_sent(batch, &not_sent);
        batch.open = again;
        if !sent.is_empty() {
            self.journal.write(&Record::Sent { ids: sent }).await?;
        }
        if !batch.open.is_empty() {
            self.pause(batch.tries).await;
        }
        Ok(())
    }

    /// A batch that was refused as a whole, or had no answer.
    async fn take_error(&self, route: Route, batch: &mut Batch<'_>, error: CallError) -> anyhow::Result<()> {
        let tries = match error.effect {
            Effect::None if ABOUT_THE_BATCH.iter().any(|code| error.code.ends_with(code)) => {
                self.note_not_sent(batch, &batch.open);
                return Box::pin(self.send_one_by_one(route, batch, &error)).await;
            }
            Effect::None => {
                self.note_not_sent(batch, &batch.open);
                return Err(error.into());
            }
            Effect::NoneTooFast => {
                self.note_not_sent(batch, &batch.open);
                self.pace.borrow_mut().trouble(self.began.elapsed(), Trouble::Throttled);
                batch.throttled += 1;
                (batch.throttled, THROTTLED_TRIES)
            }
            Effect::Unknown => {
                batch.lose();
                batch.tries += 1;
                (batch.tries, TRIES)
            }
        };
        if tries.0 >= tries.1 {
            for at in std::mem::take(&mut batch.open) {
                batch.give_up(at, &error.code, &mut self.tally.borrow_mut());
            }
            return Ok(());
        }
        self.pause(tries.0).await;
        Ok(())
    }

    /// Sends the messages of a batch that was refused for one of them.
    async fn send_one_by_one(&self, route: Route, batch: &mut Batch<'_>, error: &CallError) -> anyhow::Result<()> {
        let open = std::mem::take(&mut batch.open);
        if let [only] = open[..] {
            batch.give_up(only, &error.code, &mut self.tally.borrow_mut());
            return Ok(());
        }
        for at in open {
            let item = batch.items.get(at..=at).unwrap_or_default();
            let delivered = self.deliver(route, item).await;
            if let (Some(slot), Some(id)) = (batch.ids.get_mut(at), delivered.ids.into_iter().next()) {
                *slot = id;
            }
            if let Some(fault) = delivered.fault {
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Takes back the line "sending" of messages that were certainly not taken.
    fn note_not_sent(&self, batch: &Batch<'_>, places: &[usize]) {
        let certain: Vec<_> = places.iter().copied().filter(|at| batch.lost.get(*at) == Some(&false)).collect();
        if !certain.is_empty() {
            self.journal.note(&Record::NotSent { ids: batch.ids_of(&certain) });
        }
    }

    async fn wait_for_place(&self, messages: usize) -> Place {
        let wait = self.pace.borrow_mut().reserve(self.began.elapsed(), messages);
        if wait.is_zero() {
            return Place::Free;
        }
        tokio::select! {
            () = sleep(wait) => Place::Free,
            () = self.interrupt.asked() => Place::Interrupted,
        }
    }

    async fn pause(&self, tries: u32) {
        let wait = FIRST_WAIT * 2_u32.saturating_pow(tries.saturating_sub(1));
        tokio::select! { () = sleep(wait) => {}, () = self.interrupt.asked() => {} }
    }
}

/// Whether a batch may go.
#[derive(PartialEq, Eq)]
enum Place {
    Free,
    Interrupted,
}

impl Batch<'_> {
    fn id(&self, at: usize) -> String {
        self.items.get(at).map(|item| item.message.id.clone()).unwrap_or_default()
    }

    fn ids_of(&self, places: &[usize]) -> Vec<String> {
        places.iter().map(|at| self.id(*at)).collect()
    }

    fn was_lost(&self, at: usize) -> bool {
        self.lost.get(at) == Some(&true)
    }

    fn lose(&mut self) {
        for at in &self.open {
            if let Some(lost) = self.lost.get_mut(*at) {
                *lost = true;
            }
        }
    }

    fn confirm(&mut self, at: usize, id: String, tally: &mut Tally, route: Route) {
        match route {
            Route::Destination => tally.sent += 1,
            Route::Quarantine => tally.quarantined += 1,
        }
        if self.was_lost(at) {
            tally.perhaps_twice.push(&self.id(at));
        }
        if let Some(slot) = self.ids.get_mut(at) {
            *slot = Some(id);
        }
    }

    fn give_up(&self, at: usize, code: &str, tally: &mut Tally) {
        if self.was_lost(at) {
            tally.unknown.push(&self.id(at));
        } else {
            *tally.failed.entry(code.to_owned()).or_default() += 1;
        }
    }
}
