use super::*;

fn wanted(verdict: Verdict) -> Wanted<'static> {
    Wanted {
        member: Member::Of("r".into()),
        told: Told::ByAttributes,
        count: 2,
        ids: &[],
        is_whole_file: true,
        verdict,
        sample_id: "m",
        to: &To::Source,
        needs_editor: true,
    }
}

fn told(triaged: &Triaged, verdict: Verdict) -> String {
    next(triaged, &Typed::default(), &wanted(verdict)).unwrap()
}

#[test]
fn a_file_is_never_named_as_a_queue() {
    let arn = "arn:aws:sqs:eu-west-1:111122223333:orders-dlq";
    let pulled = Triaged::Snapshot { file: "messages.ndjson".into(), queue: arn.into() };
    assert_eq!(
        told(&pulled, Verdict::ReplayAsIs),
        format!("dlq-replayer replay {arn} --from messages.ndjson --reason r")
    );
    assert_eq!(told(&pulled, Verdict::NeedsAFix), "dlq-replayer edit messages.ndjson --reason r");
    let named = ["a".to_owned(), "b".to_owned()];
    let named = Wanted { ids: &named, ..wanted(Verdict::DoNotReplay) };
    assert_eq!(
        next(&pulled, &Typed::default(), &named).unwrap(),
        format!("dlq-replayer move {arn} --id a --id b --to <quarantine>")
    );
    assert_eq!(told(&pulled, Verdict::LookFirst), "dlq-replayer show messages.ndjson m");
    let file = Triaged::File("old.ndjson".into());
    assert_eq!(told(&file, Verdict::ReplayAsIs), "dlq-replayer import <queue> old.ndjson");
    let queue = Triaged::Queue("q".into());
    assert_eq!(told(&queue, Verdict::NeedsAFix), "dlq-replayer pull q messages.ndjson --reason r");
    assert_eq!(told(&queue, Verdict::LookFirst), "dlq-replayer show q m");
}

#[test]
fn a_message_of_another_service_goes_to_the_target_of_that_service() {
    let queue = Triaged::Queue("q".into());
    let target = To::Target(Target::of("arn:aws:sqs:eu-west-1:111122223333:orders").unwrap());
    let of = |to: &To| {
        let wanted = Wanted { to, ..wanted(Verdict::NeedsAFix) };
        next(&queue, &Typed::default(), &wanted).unwrap()
    };
    assert_eq!(of(&target), "dlq-replayer replay q --reason r --to arn:aws:sqs:eu-west-1:111122223333:orders");
    assert_eq!(of(&To::Function), "dlq-replayer replay q --reason r --to-lambda <function>");
}

#[test]
fn what_was_typed_is_repeated() {
    let typed = Typed {
        reasons: vec!["r".into(), "s".into()],
        filter: Some(".body.n == 1 # one".into()),
        filters: " --id a".into(),
        is_limited: false,
        contract: Some("none"),
        global: " --region eu-west-1".into(),
    };
    let queue = Triaged::Queue("q".into());
    let of = |member: Member| next(&queue, &typed, &Wanted { member, ..wanted(Verdict::ReplayAsIs) });
    let rest = "--contract none --region eu-west-1";
    assert_eq!(
        of(Member::Of("r".into())).unwrap(),
        format!("dlq-replayer replay q --reason r --id a --where '.body.n == 1 # one' {rest}")
    );
    assert_eq!(
        of(Member::Where("(.a) == 1".into())).unwrap(),
        format!(
            "dlq-replayer replay q --reason r --reason s --id a --where '(.body.n == 1 # one\n) and ((.a) == 1)' {rest}"
        )
    );
    assert_eq!(of(Member::Untold), None);
    let limited = Typed { is_limited: true, ..Typed::default() };
    let file = next(&Triaged::File("f".into()), &limited, &wanted(Verdict::NeedsAFix)).unwrap();
    assert_eq!(file, "dlq-replayer edit f --reason r -n 2");
}

#[test]
fn there_is_no_import_of_a_part_of_a_file() {
    let file = Triaged::File("old.ndjson".into());
    let part = Wanted { is_whole_file: false, ..wanted(Verdict::ReplayAsIs) };
    assert_eq!(next(&file, &Typed::default(), &part), None);
    let typed = Typed { filters: " --id m".into(), ..Typed::default() };
    assert_eq!(next(&file, &typed, &wanted(Verdict::ReplayAsIs)), None);
}
