//! Promise P7 in figures: what an outage of the database does to valid messages, played with a simulated clock over the code and the template that are deployed.

use std::{path::Path, time::Duration};

use consumer::backpressure::wait;
use pipeline_tests::Stack;
use serde_json::Value;

/// From Friday evening to Monday evening.
const LONG_WEEKEND: Duration = Duration::from_hours(72);

/// The outage that `docs/outage.md` describes and `cargo xtask bench outage` really runs.
const SHORT_OUTAGE: Duration = Duration::from_mins(6);

/// Messages that live through an outage.
const MESSAGES: u32 = 10_000;

/// The longest that an invocation can hold a message, which is the function's own timeout.
const INVOCATION: Duration = Duration::from_secs(30);

/// The queue of the template that is deployed.
struct Queue {
    max_receive_count: u32,
    retention: Duration,
}

impl Queue {
    fn deployed() -> Self {
        Self::of(&Stack::shared().unwrap().assembly)
    }

    fn of(assembly: &Path) -> Self {
        let template = std::fs::read_to_string(assembly.join("RollcallPipeline.template.json")).unwrap();
        let template: Value = serde_json::from_str(&template).unwrap();
        let receives = template["Parameters"]["MaxReceiveCount"]["Default"].as_u64().unwrap();
        let resources = template["Resources"].as_object().unwrap().values();
        let redriving = |resource: &&Value| resource["Properties"]["RedrivePolicy"].is_object();
        let queue = resources.into_iter().find(redriving).unwrap();
        Self {
            max_receive_count: u32::try_from(receives).unwrap(),
            retention: Duration::from_secs(queue["Properties"]["MessageRetentionPeriod"].as_u64().unwrap()),
        }
    }
}

/// What an outage did to one message.
struct Life {
    /// Receives that failed.
    receives: u32,
    /// From the end of the outage to the receive that inserts the row.
    late: Duration,
}

/// Plays a message that arrives when `left` of the outage is left. A receive that fails takes no time, so that as many as possible are used up.
fn live(left: Duration, random: &mut fastrand::Rng) -> Life {
    let (mut clock, mut receives) = (Duration::ZERO, 0);
    while clock < left {
        receives += 1;
        clock += wait(receives, random.f64());
    }
    Life { receives, late: clock.saturating_sub(left) }
}

/// All messages, whose arrivals are spread evenly over the outage. The first one arrives when it begins.
fn lives(outage: Duration) -> impl Iterator<Item = Life> {
    (0..MESSAGES).map(move |number| {
        let left = outage * (MESSAGES - number) / MESSAGES;
        live(left, &mut fastrand::Rng::with_seed(number.into()))
    })
}

/// The same number of messages that all arrive when the outage begins.
fn early_lives(outage: Duration) -> impl Iterator<Item = Life> {
    (0..MESSAGES).map(move |number| live(outage, &mut fastrand::Rng::with_seed(number.into())))
}

fn hours(time: Duration) -> f64 {
    time.as_secs_f64() / 3_600.0
}

#[test]
fn a_long_weekend_without_a_database_sends_no_valid_message_to_the_dead_letter_queue() {
    let queue = Queue::deployed();
    let most = early_lives(LONG_WEEKEND).map(|life| life.receives).max().unwrap();
    println!("{most} receives in {} h, at most, of {}", hours(LONG_WEEKEND), queue.max_receive_count);
    // One more receive inserts the row; SQS redrives a message when it would be received once more than the policy says.
    assert!(most < queue.max_receive_count, "{most} receives fail, and SQS allows {}", queue.max_receive_count);
    assert!(LONG_WEEKEND * 2 < queue.retention, "a message expires after {} h", hours(queue.retention));
}

#[test]
fn a_message_goes_to_the_dead_letter_queue_before_it_expires() {
    let queue = Queue::deployed();
    let lasts = |number: u32| -> Duration {
        let mut random = fastrand::Rng::with_seed(number.into());
        (1..=queue.max_receive_count).map(|receive| wait(receive, random.f64())).sum()
    };
    let (shortest, longest) = (0..MESSAGES)
        .map(lasts)
        .fold((Duration::MAX, Duration::ZERO), |(least, most), life| (least.min(life), most.max(life)));
    let with_work = longest + INVOCATION * queue.max_receive_count;
    println!("receives last {:.0} h at least, {:.0} h at most with work", hours(shortest), hours(with_work));
    assert!(with_work < queue.retention, "{:.0} h of {:.0} h", hours(with_work), hours(queue.retention));
}

#[test]
fn after_a_short_outage_every_message_comes_back_within_three_minutes() {
    let latest = lives(SHORT_OUTAGE).chain(early_lives(SHORT_OUTAGE)).map(|life| life.late).max().unwrap();
    println!("the last one came {} s after the database", latest.as_secs());
    assert!(latest <= Duration::from_mins(3), "{} s", latest.as_secs());
}

#[test]
fn after_a_long_weekend_every_message_comes_back_within_a_quarter_of_an_hour() {
    let latest = lives(LONG_WEEKEND).map(|life| life.late).max().unwrap();
    println!("the last one came {} s after the database", latest.as_secs());
    assert!(latest > Duration::from_mins(10), "the cap grows, or the receives do not last: {} s", latest.as_secs());
    assert!(latest <= Duration::from_mins(15), "{} s", latest.as_secs());
}
