//! Replays onto an event bus: the body of a dead letter is the event that EventBridge had delivered.
//!
//! PutEvents answers success for a bus that does not exist and for an event that no rule matches, and the event is gone.
//! So a bus is described and its rules are read before anything is put on it.

use aws_sdk_eventbridge::{
    Client,
    config::retry::RetryConfig,
    primitives::DateTime,
    types::{PutEventsRequestEntry, RuleState},
};

use super::{
    arn::Arn,
    call_error::{CallError, Effect, call_error},
    clients::Clients,
    outgoing::{Outgoing, Question},
    queue::{Entry, Retry},
};

/// Rules with this prefix feed an archive of the bus, which is no consumer.
/// Source: "Archiving events in Amazon EventBridge" in the Amazon EventBridge user guide.
const ARCHIVE_RULES: &str = "Events-Archive-";

/// An event bus and the client that talks to it.
#[derive(Clone, Debug)]
pub struct Bus {
    /// Its ARN.
    pub arn: String,
    /// What it was asked for by: a name or an ARN.
    name: String,
    events: Client,
    /// The rules that a run counts on.
    rules: Vec<Rule>,
}

/// A rule that passes events on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Its event pattern.
    pub pattern: String,
    /// The ARNs of its targets.
    pub targets: Vec<String>,
}

impl Bus {
    /// Finds a bus by name or ARN, in the Region that the ARN names.
    ///
    /// # Errors
    ///
    /// [`CallError`]; [`CallError::is_missing`] when there is no such bus. The bus of another ARN than the one that was asked for is an error.
    pub async fn find(clients: &Clients, name: &str) -> Result<Self, CallError> {
        let events = clients.events(Arn::region_of(name));
        let answer = events.describe_event_bus().name(name).send().await;
        let answer = answer.map_err(|error| call_error("DescribeEventBus", name, &error))?;
        let arn = answer.arn.unwrap_or_else(|| name.to_owned());
        if Arn::parse(name).is_some() && arn != name {
            // A bus of the same name elsewhere is another bus.
            let (code, text) = ("another bus".to_owned(), format!("EventBridge returned `{arn}`"));
            let (operation, resource, effect) = ("DescribeEventBus", name.to_owned(), Effect::None);
            return Err(CallError { operation, resource, code, text, effect });
        }
        Ok(Self { arn, name: name.to_owned(), events, rules: Vec::new() })
    }

    /// A bus whose events are deleted elsewhere because these rules match them.
    #[must_use]
    pub fn counting_on(self, rules: Vec<Rule>) -> Self {
        Self { rules, ..self }
    }

    /// Whether a rule that a run counts on is gone, disabled, or different.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn has_changed(&self) -> Result<bool, CallError> {
        if self.rules.is_empty() {
            return Ok(false);
        }
        let rules = self.rules().await?;
        Ok(self.rules.iter().any(|rule| !rules.contains(rule)))
    }

    /// The Region and the account in its ARN.
    pub fn place(&self) -> (String, String) {
        let (region, account) = Arn::parse(&self.arn).map(|arn| (arn.region, arn.account)).unwrap_or_default();
        (region.to_owned(), account.to_owned())
    }

    /// The enabled rules that have a pattern and at least one target. Rules that only feed an archive are left out.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn rules(&self) -> Result<Vec<Rule>, CallError> {
        let mut rules = Vec::new();
        let mut token = None;
        loop {
            let ask = self.events.list_rules().event_bus_name(&self.name).set_next_token(token).send().await;
            let answer = ask.map_err(|error| call_error("ListRules", &self.name, &error))?;
            for rule in answer.rules() {
                let (Some(name), Some(pattern)) = (rule.name(), rule.event_pattern()) else { continue };
                if rule.state() == Some(&RuleState::Disabled) || name.starts_with(ARCHIVE_RULES) {
                    continue;
                }
                let targets = self.targets(name).await?;
                if !targets.is_empty() {
                    rules.push(Rule { name: name.to_owned(), pattern: pattern.to_owned(), targets });
                }
            }
            token = answer.next_token;
            if token.is_none() {
                return Ok(rules);
            }
        }
    }

    async fn targets(&self, rule: &str) -> Result<Vec<String>, CallError> {
        let ask = self.events.list_targets_by_rule().event_bus_name(&self.name).rule(rule).send().await;
        let answer = ask.map_err(|error| call_error("ListTargetsByRule", rule, &error))?;
        let mut targets: Vec<_> = answer.targets().iter().map(|target| target.arn().to_owned()).collect();
        // EventBridge promises no order, and the same targets are the same rule.
        targets.sort();
        Ok(targets)
    }

    /// Puts one batch, once, and says what became of each event, in order: HTTP 200 does not mean that an entry was taken.
    ///
    /// A body that is not an event is refused without asking the bus.
    ///
    /// # Errors
    ///
    /// [`CallError`] when the whole batch has no answer, or was refused as a whole.
    pub async fn put(&self, batch: &[&Outgoing]) -> Result<Vec<Entry>, CallError> {
        let mut entries = Vec::new();
        for outgoing in batch {
            entries.push(match self.entry(outgoing) {
                None => Err("the body is not an EventBridge event"),
                Some(_) if !self.some_pattern_matches(outgoing).await? => Err("no_rule_matches"),
                Some(entry) => Ok(entry),
            });
        }
        let put: Vec<_> = entries.iter().flatten().cloned().collect();
        let mut results = Vec::new();
        if !put.is_empty() {
            let once = aws_sdk_eventbridge::config::Builder::default().retry_config(RetryConfig::disabled());
            let ask = self.events.put_events().set_entries(Some(put)).customize().config_override(once).send().await;
            let answer = ask.map_err(|error| call_error("PutEvents", &self.name, &error))?;
            results = answer.entries.unwrap_or_default();
        }
        let mut results = results.into_iter();
        let fate = |entry: &Result<PutEventsRequestEntry, &str>| match entry {
            Err(why) => Entry::Refused { code: (*why).to_owned(), retry: Retry::Never },
            Ok(_) => match results.next().map(|result| (result.event_id, result.error_code)) {
                Some((Some(id), None)) => Entry::Sent(id),
                Some((_, code)) => {
                    let code = code.unwrap_or_else(|| "no event id".to_owned());
                    let sender_fault = !code.starts_with("Internal");
                    Entry::Refused { retry: Retry::of(&code, sender_fault), code }
                }
                None => Entry::Unanswered("not in the answer".to_owned()),
            },
        };
        Ok(entries.iter().map(fate).collect())
    }

    /// Whether AWS says that one of the patterns matches which this program could not decide. Without a question the answer is yes.
    async fn some_pattern_matches(&self, outgoing: &Outgoing) -> Result<bool, CallError> {
        let Some(Question { event, patterns }) = &outgoing.question else { return Ok(true) };
        for pattern in patterns {
            let ask = self.events.test_event_pattern().event(event).event_pattern(pattern).send().await;
            let answer =
                ask.map_err(|error| call_error("TestEventPattern", &self.name, &error)).map_err(without_effect)?;
            if answer.result {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn entry(&self, outgoing: &Outgoing) -> Option<PutEventsRequestEntry> {
        let event = outgoing.event.as_ref()?;
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(&event.source)
            .detail_type(&event.detail_type)
            .detail(&event.detail)
            .set_time(event.time.map(DateTime::from_secs))
            .set_resources(Some(event.resources.clone()).filter(|all| !all.is_empty()))
            .set_trace_header(outgoing.message.system.get(super::message::TRACE_HEADER).cloned());
        Some(entry.build())
    }
}

/// An error of a question: nothing was put on the bus, whatever became of the question itself.
fn without_effect(error: CallError) -> CallError {
    let effect = if error.effect == Effect::Unknown { Effect::Throttled } else { error.effect };
    CallError { effect, ..error }
}
