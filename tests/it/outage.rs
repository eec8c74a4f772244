//! Promise P7 in figures: how long an outage may last before a healthy message is among the dead letters.

use std::{path::Path, time::Duration};

use consumer::backpressure::{LONGEST, wait};
use pipeline_tests::Stack;
use serde_json::Value;

/// What the promise says.
const PROMISED: Duration = Duration::from_hours(8);

/// Messages that live through the outage.
const MESSAGES: u64 = 10_000;

/// Receives that the deployed queue allows: the default of the very template that is deployed.
fn max_receive_count(assembly: &Path) -> u32 {
    let template = std::fs::read_to_string(assembly.join("RollcallPipeline.template.json")).unwrap();
    let template: Value = serde_json::from_str(&template).unwrap();
    let default = &template["Parameters"]["MaxReceiveCount"]["Default"];
    u32::try_from(default.as_u64().unwrap()).unwrap()
}

/// How long one message lasts when every receive fails at once, which is the worst case: time spent trying only adds to it.
fn lasts(receives: u32, random: &mut fastrand::Rng) -> Duration {
    (1..=receives).map(|receive| wait(receive, random.f64())).sum()
}

#[test]
fn eight_hours_without_a_database_put_no_healthy_message_among_the_dead_letters() {
    let receives = max_receive_count(&Stack::shared().unwrap().assembly);
    let mut lives: Vec<_> = (0..MESSAGES).map(|seed| lasts(receives, &mut fastrand::Rng::with_seed(seed))).collect();
    lives.sort_unstable();
    let hours = |life: Duration| life.as_secs_f64() / 3_600.0;
    let (least, median) = (lives[0], lives[lives.len() / 2]);
    println!("{MESSAGES} messages, {receives} receives: least {:.1} h, median {:.1} h", hours(least), hours(median));
    assert!(least > PROMISED, "the unluckiest lasts {:.1} h", hours(least));
}

#[test]
fn after_an_outage_every_message_comes_back_within_three_minutes() {
    assert_eq!((1..=1_000).map(|receive| wait(receive, 1.0)).max(), Some(LONGEST));
    assert_eq!(LONGEST, Duration::from_mins(3));
}
