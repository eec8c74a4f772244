//! What each look shows, by the second.

use super::*;

fn settling(before: Option<u64>) -> (Canary, Instant) {
    let (mut canary, now) = (Canary::new(CanarySetting::of(10, None)), Instant::now());
    canary.destination(0, before, Some(Duration::from_secs(90)));
    canary.arrived(10);
    assert_eq!(canary.phase(), Phase::Sending(0));
    canary.settle(now);
    (canary, now)
}

/// One look a second, in these seconds, at a destination and at what the dead-letter queue has more than it should.
fn looks(
    canary: &mut Canary,
    began: Instant,
    seconds: std::ops::RangeInclusive<u64>,
    depth: u64,
    more: u64,
) -> Vec<Sight> {
    let look = |second| canary.look(began + Duration::from_secs(second), &HashMap::from([(0, depth)]), Some(more));
    seconds.map(look).collect()
}

fn not_yet(sights: &[Sight]) -> bool {
    sights.iter().all(|sight| *sight == Sight::NotYet)
}

#[tokio::test]
async fn an_empty_destination_is_believed_after_the_time_by_which_counts_are_late() {
    let (mut canary, now) = settling(Some(3));
    assert!(not_yet(&looks(&mut canary, now, 1..=1, 13, 0)));
    assert!(not_yet(&looks(&mut canary, now, 2..=11, 0, 0)));
    assert_eq!(looks(&mut canary, now, 12..=12, 0, 2), [Sight::Settled(2)]);
    assert_eq!(canary.phase(), Phase::Passed);
}

#[tokio::test]
async fn a_count_from_before_the_canary_is_not_taken_for_a_canary_that_is_gone() {
    let (mut canary, now) = settling(Some(0));
    assert!(not_yet(&looks(&mut canary, now, 1..=8, 0, 0)), "this is still the count of an empty queue");
    assert!(not_yet(&looks(&mut canary, now, 9..=89, 10, 0)));
    assert_eq!(looks(&mut canary, now, 90..=90, 10, 0), [Sight::Unsettled]);
}

#[tokio::test]
async fn a_wait_that_is_shorter_than_counts_are_late_does_not_make_them_true() {
    let mut canary = Canary::new(CanarySetting::of(10, Some(Duration::from_secs(3))));
    let now = Instant::now();
    canary.destination(0, Some(0), None);
    canary.arrived(10);
    canary.settle(now);
    assert!(not_yet(&looks(&mut canary, now, 1..=8, 0, 0)));
    assert_eq!(looks(&mut canary, now, 9..=9, 10, 0), [Sight::Unsettled]);
}

#[tokio::test]
async fn a_destination_that_others_use_needs_no_long_silence() {
    let (mut canary, now) = settling(Some(0));
    assert!(not_yet(&looks(&mut canary, now, 1..=10, 1, 0)));
    assert!(not_yet(&looks(&mut canary, now, 11..=12, 0, 0)));
    assert!(not_yet(&looks(&mut canary, now, 13..=20, 1, 0)), "others arrive");
    assert_eq!(looks(&mut canary, now, 21..=21, 1, 0), [Sight::Settled(0)]);
}

#[tokio::test]
async fn a_fast_redrive_is_given_the_time_until_the_dead_letter_queue_counts_it() {
    let (mut canary, now) = settling(Some(0));
    assert!(not_yet(&looks(&mut canary, now, 1..=8, 0, 0)));
    assert_eq!(looks(&mut canary, now, 9..=9, 0, 10), [Sight::Settled(10)]);
}

#[tokio::test]
async fn a_backlog_that_shrinks_is_not_taken_for_a_canary_that_is_gone() {
    let (mut canary, now) = settling(Some(5_000));
    assert!(not_yet(&looks(&mut canary, now, 1..=89, 4_000, 0)));
    assert!(not_yet(&looks(&mut canary, now, 90..=99, 1_000, 0)));
    assert_eq!(looks(&mut canary, now, 100..=100, 1_000, 0), [Sight::Settled(0)]);
}

#[tokio::test]
async fn a_look_without_an_answer_shows_nothing() {
    let (mut canary, now) = settling(Some(0));
    for _ in 0..4 {
        assert_eq!(canary.look(now, &HashMap::new(), Some(0)), Sight::NotYet);
        assert_eq!(canary.look(now, &HashMap::from([(0, 0)]), None), Sight::NotYet);
    }
    assert_eq!(canary.look(now + Duration::from_secs(90), &HashMap::new(), None), Sight::Unsettled);
}

#[tokio::test]
async fn a_late_count_is_not_taken_for_returned_messages() {
    let (mut canary, now) = settling(Some(0));
    assert!(not_yet(&looks(&mut canary, now, 1..=8, 0, 10)), "the deletes do not show yet");
    assert!(not_yet(&looks(&mut canary, now, 9..=10, 0, 0)));
    assert_eq!(looks(&mut canary, now, 11..=11, 0, 0), [Sight::Settled(0)]);
}

#[tokio::test]
async fn what_is_counted_after_the_deletes_were_has_returned() {
    let (mut canary, now) = settling(Some(0));
    assert!(not_yet(&looks(&mut canary, now, 1..=1, 10, 0)));
    assert_eq!(looks(&mut canary, now, 2..=2, 10, 10), [Sight::Settled(10)]);
    let (mut canary, now) = settling(Some(0));
    assert!(not_yet(&looks(&mut canary, now, 1..=9, 0, 10)));
    assert_eq!(looks(&mut canary, now, 10..=10, 0, 10), [Sight::Settled(10)], "no count is that late");
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_given_its_time() {
    let (mut canary, now) = settling(None);
    assert_eq!(canary.look(now, &HashMap::new(), Some(0)), Sight::NotYet);
    assert_eq!(canary.look(now + Duration::from_secs(90), &HashMap::new(), Some(1)), Sight::Settled(1));
}
