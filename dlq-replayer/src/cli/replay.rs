//! `replay`: messages back to where they came from, or to another destination.

use anyhow::Context;
use jiff::Timestamp;

use super::{
    arguments,
    changing::{Change, apply},
    files::incomplete,
    hints::hinted,
    session::Session,
    written::Written,
};
use crate::{
    journal::folder,
    report::exit::Exit,
    rules::{
        bus_event::{BusPlace, BusRule},
        decide::{Carrier, MAX_REPLAYS, Replay, Treatment},
        event_pattern::EventPattern,
        jq::Jq,
    },
    run::{routes::Routes, source::Source},
    sqs::{
        address::{self, AddressError},
        archive::Bodies,
        arn::Arn,
        bus::{Bus, Rule},
        call_error::CallError,
        destination::Destination,
        lambda::Function,
        queue::Queue,
        snapshot::Snapshot,
    },
};

/// Where a replay goes, and what that destination takes.
struct Way {
    routes: Routes,
    carrier: Carrier,
    shown: String,
}

/// Replays messages, or shows what would happen.
///
/// # Errors
///
/// A call failed, an expression is not jq, or the journal cannot be written.
pub async fn replay(session: &Session<'_>, arguments: &arguments::Replay) -> anyhow::Result<Exit> {
    let written = Written::of_filters(&arguments.filters)?
        .with_destinations(&arguments.destinations, arguments.losses)
        .with_changes(&arguments.changes)?;
    // Whatever is wrong with the file is told before AWS is asked.
    let bodies = written.from.as_deref().map(Bodies::open).transpose()?;
    let queue = session.queue(&arguments.queue).await?;
    let journals = folder::of_queue(&folder::root()?, &queue.address.arn);
    let mut written = written.or_resumed(&journals, arguments.run.resume.as_deref(), "replay")?;
    let quarantine = quarantine(session, &queue, written.quarantine.as_deref()).await?;
    let mut way = way(session, &queue, &mut written).await?;
    let has_quarantine = quarantine.is_some();
    written.quarantine = quarantine.as_ref().map(|queue| queue.address.arn.clone());
    way.routes = way.routes.with_quarantine(quarantine.map(Destination::Queue));
    let bodies = match bodies {
        None => written.from.as_deref().map(Bodies::open).transpose()?,
        opened => opened,
    };
    check_snapshot(session, &queue, &written)?;
    let mut selection = written.selection.compile()?;
    if let Some(bodies) = &bodies {
        let of_file = bodies.keys();
        selection.ids = Some(match selection.ids {
            Some(ids) => ids.intersection(&of_file).copied().collect(),
            None => of_file,
        });
    }
    let defaults = &session.config.defaults;
    let treatment = Treatment::Replay(Box::new(Replay {
        edit: written.edit.as_deref().map(Jq::compile).transpose()?,
        contract: written.contract.unwrap_or_default(),
        max_replays: written.max_replays.or(defaults.max_replays).unwrap_or(MAX_REPLAYS),
        quarantine: has_quarantine,
        carrier: way.carrier,
    }));
    let change = Change {
        command: "replay",
        selection,
        treatment,
        bodies,
        routes: way.routes,
        destination: way.shown,
        written,
        archive: None,
        once: false,
    };
    apply(session, Source::Queue(queue), change, &arguments.run, Some(&arguments.stop)).await
}

/// Where messages go that were replayed too often. The default of `dlq-replayer.toml` is for many queues:
/// where it cannot be used, these messages stay, as they do without a quarantine.
pub(super) async fn quarantine(
    session: &Session<'_>,
    queue: &Queue,
    chosen: Option<&str>,
) -> anyhow::Result<Option<Queue>> {
    if let Some(name) = chosen {
        let quarantine = session.other_queue(name).await?;
        super::changing::elsewhere(queue, &quarantine)?;
        return Ok(Some(quarantine));
    }
    let Some(name) = &session.config.defaults.quarantine else { return Ok(None) };
    let ignored = |why: &str| session.note(&format!("the quarantine `{name}` of dlq-replayer.toml is not used: {why}"));
    match session.other_queue(name).await {
        Ok(quarantine) if quarantine.address.arn == queue.address.arn => {
            ignored("it is this queue");
            Ok(None)
        }
        Ok(quarantine) => Ok(Some(quarantine)),
        Err(error) if matches!(error.downcast_ref(), Some(AddressError::NotFound { .. })) => {
            ignored(&error.to_string());
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Finds where messages go. What was found is what the journal keeps: a name may mean another queue when the run is repeated.
async fn way(session: &Session<'_>, queue: &Queue, written: &mut Written) -> anyhow::Result<Way> {
    let way = match &*written {
        Written { to: Some(name), .. } => to_queue(session, queue, name).await?,
        Written { to_bus: Some(name), .. } => to_bus(session, name, written).await?,
        Written { to_lambda: Some(name), drop_attributes, .. } => {
            let function = Function::find(&session.clients, name).await.map_err(|error| missing(session, error))?;
            let shown = function.arn.clone();
            let carrier = Carrier::Function { drop_attributes: *drop_attributes };
            Way { routes: Routes::to(Destination::Function(function)), carrier, shown }
        }
        _ => back_to_source(session, queue).await?,
    };
    let found = Some(way.shown.clone());
    for named in [&mut written.to, &mut written.to_bus, &mut written.to_lambda] {
        if named.is_some() {
            named.clone_from(&found);
        }
    }
    Ok(way)
}

async fn to_queue(session: &Session<'_>, queue: &Queue, name: &str) -> anyhow::Result<Way> {
    let to = session.other_queue(name).await?;
    super::changing::elsewhere(queue, &to)?;
    let shown = to.address.arn.clone();
    Ok(Way { routes: Routes::to(Destination::Queue(to)), carrier: Carrier::Queue, shown })
}

/// A bus or function that is not there, in the words of a queue that is not there.
pub(super) fn missing(session: &Session<'_>, error: CallError) -> anyhow::Error {
    if !error.is_missing() {
        return error.into();
    }
    let (what, hint) = match error.operation {
        "Invoke" | "GetFunctionConfiguration" => ("function", "check the name, `--region` and `--profile`"),
        _ => ("event bus", "check the bus name; EventBridge accepts and drops events for a bus that does not exist"),
    };
    let region = Arn::region_of(&error.resource).or(session.clients.region()).unwrap_or("no Region");
    hinted(format!("{what} `{}` not found in {region}", error.resource), hint)
}

/// A bus counts only when it exists and, unless the operator agrees, one of its enabled rules can pass an event on.
async fn to_bus(session: &Session<'_>, name: &str, written: &Written) -> anyhow::Result<Way> {
    let bus = Bus::find(&session.clients, name).await.map_err(|error| missing(session, error))?;
    let rules = bus.rules().await;
    let rules = match rules {
        Ok(rules) => rules,
        Err(error) if error.is_denied() && written.allow_unmatched => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let text = "no enabled rule of the bus has a target, so every event would be dropped";
    if rules.is_empty() && !written.allow_unmatched {
        return Err(hinted(format!("{text}: {}", bus.arn), "add a rule, or pass `--allow-unmatched`"));
    }
    let (region, account) = bus.place();
    let carrier = Carrier::Bus {
        drop_attributes: written.drop_attributes,
        bus: BusPlace { account, region, now: Timestamp::now() },
        rules: rules.iter().map(bus_rule).collect::<anyhow::Result<_>>()?,
        allow_unmatched: written.allow_unmatched,
    };
    let shown = bus.arn.clone();
    let counted_on = if written.allow_unmatched { Vec::new() } else { rules };
    Ok(Way { routes: Routes::to(Destination::Bus(bus.counting_on(counted_on))), carrier, shown })
}

fn bus_rule(rule: &Rule) -> anyhow::Result<BusRule> {
    let pattern = EventPattern::parse(&rule.pattern);
    let pattern = pattern.with_context(|| format!("the pattern of rule {} cannot be read", rule.name))?;
    let targets = rule.targets.len();
    let label = format!("{} ({targets} {})", rule.name, if targets == 1 { "target" } else { "targets" });
    Ok(BusRule { label, text: rule.pattern.clone(), pattern })
}

/// Each message goes where SQS says it came from; the only source takes those about which it says nothing.
async fn back_to_source(session: &Session<'_>, queue: &Queue) -> anyhow::Result<Way> {
    let sources = match address::sources(&session.clients, &queue.address).await {
        Ok(sources) => sources,
        // Queues of other accounts are not listed; what each message says still counts.
        Err(error) if error.is_denied() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let only = match sources.as_slice() {
        [url] => Some(address::find_source(&session.clients, &queue.address, url).await?),
        _ => None,
    };
    let mut routes = Routes::back_to_source(Some(queue.address.clone()), only);
    if let [_, _, ..] = sources.as_slice() {
        routes = routes.listing(sources.iter().map(|url| queue.address.arn_of_source(url)).collect());
    }
    Ok(Way { shown: routes.shown(), routes, carrier: Carrier::Queue })
}

/// A snapshot of another queue has other ids, and nothing of it would be found.
fn check_snapshot(session: &Session<'_>, queue: &Queue, written: &Written) -> anyhow::Result<()> {
    let Some(file) = &written.from else { return Ok(()) };
    let name = file.display();
    match Snapshot::of(file)? {
        Some(snapshot) if snapshot.snapshot_of != queue.address.arn => {
            let text = format!("{name} was pulled from {}, not from {}", snapshot.snapshot_of, queue.address.arn);
            return Err(hinted(text, "name the queue that it was pulled from"));
        }
        Some(_) => {}
        None => session.note(&format!(
            "{name} does not name its queue, as a file of `pull` does; its ids are looked for in {}",
            queue.address
        )),
    }
    if let Some(text) = incomplete(file)? {
        session.note(&text);
    }
    Ok(())
}
