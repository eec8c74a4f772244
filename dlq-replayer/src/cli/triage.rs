//! `triage`.

use jiff::Timestamp;

use super::{
    arguments::{self, ContractArgument},
    command_line::Global,
    letters::Letters,
    session::{Session, reveal},
};
use crate::{
    report::{
        exit::Exit,
        next::Typed,
        output::quoted,
        triage::{Seen, Triage, TriageOptions},
    },
    rules::{decide::MAX_REPLAYS, jq::Jq},
    run::{scan::Scanned, state::Look},
};

/// What was typed beside the source, for the next command.
fn typed(global: &Global, arguments: &arguments::Triage) -> Typed {
    let flag = |name: &str, value: &str| format!(" {name} {}", quoted(value));
    let filters = &arguments.filters;
    let attributes = filters.attribute.iter().map(|(name, value)| flag("--attribute", &format!("{name}={value}")));
    let ages = [("--older-than", filters.older_than), ("--newer-than", filters.newer_than)];
    let ages = ages.into_iter().filter_map(|(name, age)| Some(flag(name, &format!("{:#}", age?))));
    let ids = filters.id.iter().map(|id| flag("--id", id));
    let words =
        [("--profile", &global.profile), ("--region", &global.region), ("--endpoint-url", &global.endpoint_url)];
    let words = words.into_iter().filter_map(|(name, value)| Some(flag(name, value.as_ref()?)));
    let numbers = [("--concurrency", global.concurrency.map(u32::from)), ("--visibility", global.visibility)];
    let numbers = numbers.into_iter().filter_map(|(name, value)| Some(flag(name, &value?.to_string())));
    Typed {
        reasons: filters.reason.clone(),
        filter: filters.filter.clone(),
        filters: attributes.chain(ages).chain(ids).collect(),
        is_limited: filters.limit.is_some(),
        contract: match arguments.contract {
            ContractArgument::Auto => None,
            ContractArgument::Rollcall => Some("rollcall"),
            ContractArgument::None => Some("none"),
        },
        global: words.chain(numbers).collect(),
    }
}

/// Shows what is in a queue or file.
///
/// # Errors
///
/// A call failed, or an expression is not jq.
pub async fn triage(session: &Session<'_>, arguments: &arguments::Triage) -> anyhow::Result<Exit> {
    let selection = arguments.filters.selection(Timestamp::now())?.compile()?;
    let letters = Letters::find(session, &arguments.source).await?;
    let mut triage = Triage::new(TriageOptions {
        triaged: letters.triaged(&arguments.source)?,
        typed: typed(session.global, arguments),
        group_by: arguments.group_by.as_deref().map(Jq::compile).transpose()?,
        contract: arguments.contract.into(),
        max_replays: session.config.defaults.max_replays.unwrap_or(MAX_REPLAYS),
        fifo: letters.is_fifo(),
        incomplete: letters.incomplete()?,
        reveal: reveal(arguments.reveal),
    });
    let most = arguments.filters.limit.unwrap_or(u64::MAX);
    let facts = letters.facts().await?;
    let mut truncated = false;
    let mut scanned = letters
        .scan_counted(session, facts.as_ref().map(|facts| facts.depth), |message| {
            if selection.matches(message) {
                triage.add(message);
            }
            let complete = selection.is_complete_with(triage.matched());
            truncated = triage.matched() >= most && !complete;
            if truncated || complete { Look::Enough } else { Look::On }
        })
        .await?;
    let fault = scanned.fault.take();
    let Scanned { scanned: count, not_seen, stopped, .. } = scanned;
    let is_whole = fault.is_none() && !truncated && not_seen == 0 && !stopped.interrupted;
    let seen = Seen { scanned: count, not_seen, stopped, undecided: selection.undecided(), truncated, is_whole };
    let report = triage.report(letters.name(), facts.as_ref(), seen, Timestamp::now());
    if fault.is_none() || report.matched > 0 {
        session.print(&report)?;
    }
    let exit = letters.exit_of_scan(&scanned, report.matched, truncated)?;
    // What was found comes first, and then what stopped it.
    fault.map_or(Ok(exit), Err)
}
