//! `preflight`: every permission of a planned command, checked by asking.
//!
//! Each question is a request that cannot have an effect even when it is allowed: a receipt that does not exist, a batch without entries,
//! an event that is not JSON, a dry run. IAM answers before the service looks at the request, so any answer but a denial means that it is allowed.

use super::{
    arguments::{self, PlannedCommand},
    permissions::{self, Need, On, Permission},
    replay::{self, missing},
    session::Session,
};
use crate::{
    report::{
        exit::Exit,
        preflight::{self, Check, PreflightReport},
    },
    sqs::{
        address,
        call_error::{CallError, Effect},
        probe::{self, Probe},
        queue::Queue,
    },
};

/// What was asked on, so far as it was found.
struct Targets {
    dlq: Queue,
    destination: Option<Queue>,
    quarantine: Option<Queue>,
    bus: Option<String>,
    function: Option<String>,
}

/// Checks the permissions of a planned command.
///
/// # Errors
///
/// A queue is not there, or a call has no answer.
pub async fn preflight(session: &Session<'_>, arguments: &arguments::Preflight) -> anyhow::Result<Exit> {
    let dlq = session.queue(&arguments.queue).await?;
    let destinations = &arguments.destinations;
    // First, because a replay looks for it first: what a missing one is good for is not known before a loop guard needs it.
    let quarantine = match (&destinations.quarantine, arguments.command) {
        (Some(_), _) | (None, PlannedCommand::Replay) => {
            replay::quarantine(session, &dlq, destinations.quarantine.as_deref()).await?
        }
        _ => None,
    };
    let targets = Targets {
        destination: destination(session, &dlq, arguments).await?,
        quarantine,
        bus: destinations.to_bus.clone(),
        function: destinations.to_lambda.clone(),
        dlq,
    };
    let mut checks = Vec::new();
    for permission in permissions(arguments.command, &targets) {
        if let Some(check) = check(session, &targets, permission).await? {
            checks.push(check);
        }
    }
    let keys = [Some(&targets.dlq), targets.destination.as_ref(), targets.quarantine.as_ref()];
    for queue in keys.into_iter().flatten() {
        checks.extend(of_key(queue).await);
    }
    let command = format!("{:?}", arguments.command).to_lowercase();
    let report = PreflightReport { command, checks };
    session.print(&report)?;
    Ok(if report.is_allowed() { Exit::Done } else { Exit::Partly })
}

/// The queue that the command would send to: the one that was named, or the only source.
async fn destination(
    session: &Session<'_>,
    dlq: &Queue,
    arguments: &arguments::Preflight,
) -> anyhow::Result<Option<Queue>> {
    let destinations = &arguments.destinations;
    if let Some(name) = &destinations.to {
        return Ok(Some(session.other_queue(name).await?));
    }
    let sends = arguments.command == PlannedCommand::Replay;
    if !sends || destinations.to_bus.is_some() || destinations.to_lambda.is_some() {
        return Ok(None);
    }
    match address::sources(&session.clients, &dlq.address).await.unwrap_or_default().as_slice() {
        [url] => Ok(Some(address::find_source(&session.clients, &dlq.address, url).await?)),
        _ => Ok(None),
    }
}

fn permissions(command: PlannedCommand, targets: &Targets) -> impl Iterator<Item = Permission> {
    let groups = match command {
        PlannedCommand::Replay if targets.bus.is_some() => permissions::REPLAY_TO_BUS,
        PlannedCommand::Replay if targets.function.is_some() => permissions::REPLAY_TO_FUNCTION,
        PlannedCommand::Replay => permissions::REPLAY_TO_QUEUE,
        PlannedCommand::Move => permissions::MOVE,
        PlannedCommand::Purge => permissions::PURGE,
        PlannedCommand::Triage => &[permissions::SCAN],
    };
    let quarantine = targets.quarantine.is_some().then_some(permissions::QUARANTINE);
    groups.iter().copied().chain(quarantine).flatten().copied()
}

async fn check(session: &Session<'_>, targets: &Targets, permission: Permission) -> anyhow::Result<Option<Check>> {
    let queue = match permission.on {
        On::DeadLetterQueue => Some(&targets.dlq),
        On::Destination => targets.destination.as_ref(),
        On::Quarantine => targets.quarantine.as_ref(),
        _ => None,
    };
    let resource = match (permission.on, queue) {
        (_, Some(queue)) => queue.address.name.clone(),
        (On::Bus | On::Rules, _) => targets.bus.clone().unwrap_or_default(),
        (On::Function, _) => targets.function.clone().unwrap_or_default(),
        (On::Everything, _) => "*".to_owned(),
        (on, None) => {
            let answer = "name the queue with --to".to_owned();
            let (action, resource) = (permission.action.to_owned(), on.text().to_owned());
            return Ok(Some(Check {
                action,
                resource,
                verdict: preflight::Permission::NotChecked,
                answer,
                optional: None,
            }));
        }
    };
    let answer = ask(session, targets, queue.unwrap_or(&targets.dlq), permission.probe).await;
    let (verdict, answer) = match answer {
        Err(error) if error.is_denied() => (preflight::Permission::Denied, error.code),
        Err(error) if matches!(&*error.code, "no answer" | "not sent") || error.is_about_the_caller() => {
            return Err(error.into());
        }
        // Only the target itself: a rule that does not exist is asked about on purpose.
        Err(error) if error.is_missing() && matches!(error.operation, "Invoke" | "DescribeEventBus") => {
            return Err(missing(session, error));
        }
        // A service that is throttled or failing, or another program, has not looked at the permission.
        Err(error) if error.effect != Effect::None || error.is_foreign() => {
            (preflight::Permission::NotChecked, error.code)
        }
        Ok(()) | Err(_) => (preflight::Permission::Allowed, String::new()),
    };
    let optional = match permission.need {
        Need::Required => None,
        Need::Optional(what_for) => Some(what_for.to_owned()),
    };
    Ok(Some(Check { action: permission.action.to_owned(), resource, verdict, answer, optional }))
}

async fn ask(session: &Session<'_>, targets: &Targets, queue: &Queue, probe: Probe) -> Result<(), CallError> {
    let clients = &session.clients;
    match probe {
        Probe::Queue(probe) => probe::queue(clients, queue, probe).await,
        Probe::Bus(probe) => probe::bus(clients, targets.bus.as_deref().unwrap_or_default(), probe).await,
        Probe::Function(probe) => {
            probe::function(clients, targets.function.as_deref().unwrap_or_default(), probe).await
        }
        Probe::ListQueues => probe::list_queues(clients).await,
    }
}

/// A customer key's permissions cannot be checked without sending or receiving.
async fn of_key(queue: &Queue) -> Option<Check> {
    let key = queue.facts().await.ok()?.key?;
    Some(Check {
        action: "kms:Decrypt, kms:GenerateDataKey".to_owned(),
        resource: key,
        verdict: preflight::Permission::NotChecked,
        answer: format!("{} is encrypted with it", queue.address.name),
        optional: None,
    })
}
