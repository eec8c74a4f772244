use proptest::prelude::*;

use super::{super::json_text::tests::json, *};

const NONCE: &str = "0badcafe";
const ORIGINALS: [(&str, &str); 3] =
    [("m-1", r#"{"z":1.50, "a":[]}"#), ("m-2", "not json\n===== 00000000 end\n"), ("m-3", "")];

fn edited(edit: impl Fn(String) -> String) -> Result<Vec<(String, String)>, EditFault> {
    parse(&edit(render(ORIGINALS.into_iter(), NONCE)), NONCE, ORIGINALS.into_iter())
}

#[test]
fn the_document_shows_each_body_below_its_marker() {
    let document = render(ORIGINALS.into_iter(), NONCE);
    let shown = [
        "===== 0badcafe message m-1",
        "{",
        "  \"z\": 1.50,",
        "  \"a\": []",
        "}",
        "===== 0badcafe message m-2",
        "not json",
        "===== 00000000 end",
        "",
        "===== 0badcafe message m-3",
        "",
        "===== 0badcafe end",
        "",
    ];
    assert_eq!(document.strip_prefix(HELP).unwrap(), shown.join("\n"));
    assert!(HELP.lines().all(|line| line.starts_with("# ")));
}

#[test]
fn what_is_untouched_or_only_laid_out_anew_is_no_change() {
    assert_eq!(edited(|document| document).unwrap(), []);
    assert_eq!(edited(|document| document + "\n\n").unwrap(), []);
    assert_eq!(edited(|document| document.trim_end().to_owned()).unwrap(), []);
    assert_eq!(edited(|document| document.replace("1.50,\n  ", "1.50,")).unwrap(), []);
    assert_eq!(edited(|document| document.replace("}\n", "}\n\n")).unwrap(), []);
    assert_eq!(edited(|document| document.replace("end\n\n=", "end\n\n\n=")).unwrap(), [], "an editor's own line");
    assert_eq!(edited(|document| document.replace(HELP, "")).unwrap(), []);
}

#[test]
fn a_changed_body_is_compact_json_or_the_text_as_it_stands() {
    let change = |id: &str, body: &str| vec![(id.to_owned(), body.to_owned())];
    let longer = edited(|document| document.replace("1.50", "1.500"));
    assert_eq!(longer.unwrap(), change("m-1", r#"{"z":1.500,"a":[]}"#));
    let text = edited(|document| document.replace("not json", "no\tjson "));
    assert_eq!(text.unwrap(), change("m-2", "no\tjson \n===== 00000000 end\n"));
    let repaired = edited(|document| document.replace("m-3\n\n", "m-3\n{\n\"a\": 1 }\n"));
    assert_eq!(repaired.unwrap(), change("m-3", r#"{"a":1}"#));
    let emptied = edited(|document| document.replace("not json\n===== 00000000 end\n", ""));
    assert_eq!(emptied.unwrap(), change("m-2", ""));
}

#[test]
fn the_order_of_messages_does_not_matter() {
    let (first, second) = ("===== 0badcafe message m-3\n\n", "===== 0badcafe message m-1\n");
    let moved = edited(|document| document.replace(first, "").replace(second, &format!("{first}{second}")));
    assert_eq!(moved.unwrap(), []);
}

#[test]
fn json_that_is_broken_is_found_where_the_editor_shows_it() {
    let fault = edited(|document| document.replace("\"a\": []", "\"a\": [")).unwrap_err();
    // Three lines of help, the marker, and the closing brace on the fourth line of the body.
    assert_eq!(fault, EditFault::NotJson { id: "m-1".into(), line: 8, column: 1 });
    assert_eq!(fault.to_string(), "message m-1 is no longer JSON at line 8, column 1 of the document");
    let emptied = edited(|document| document.replace("{\n  \"z\": 1.50,\n  \"a\": []\n}\n", "")).unwrap_err();
    assert!(matches!(emptied, EditFault::NotJson { line: 5, .. }), "{emptied:?}");
}

#[test]
fn markers_that_were_touched_are_faults() {
    let fault = |from: &str, to: &str| edited(|document| document.replace(from, to)).unwrap_err();
    assert_eq!(fault("message m-2", "message m-9"), EditFault::UnknownMarker { line: 9 });
    assert_eq!(fault("message m-2", "message m-1"), EditFault::DuplicateMarker { id: "m-1".into(), line: 9 });
    assert_eq!(fault("===== 0badcafe message m-2\n", ""), EditFault::MissingMarker { id: "m-2".into() });
    assert_eq!(fault("===== 0badcafe end", ""), EditFault::MissingEnd);
    assert_eq!(fault("# Keep", "Keep"), EditFault::OutsideOfBodies { line: 2 });
    assert_eq!(fault("0badcafe end\n", "0badcafe end\nmore"), EditFault::OutsideOfBodies { line: 16 });
}

#[test]
fn a_nonce_that_occurs_in_a_body_is_not_used() {
    let bodies = ["x00000007x", "===== 00000008 end"];
    assert_eq!(nonce(&bodies.into_iter(), 7), "00000009");
}

/// Bodies that make trouble: JSON, lines like markers, line breaks at either end.
fn body() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        any::<String>(),
        Just("\n".to_owned()),
        Just("# help\n".to_owned()),
        Just("\n===== 00000000 end\n".to_owned()),
        Just("===== 00000001 message m-0\n".to_owned()),
    ];
    prop_oneof![json(), prop::collection::vec(line, 0..5).prop_map(|lines| lines.concat())]
}

proptest! {
    #[test]
    fn an_untouched_document_changes_nothing(bodies in prop::collection::vec(body(), 0..5), seed in 0..3_u32) {
        let ids: Vec<_> = (0..bodies.len()).map(|at| format!("m-{at}")).collect();
        let originals = || ids.iter().map(String::as_str).zip(bodies.iter().map(String::as_str));
        let nonce = nonce(&bodies.iter().map(String::as_str), seed);
        let document = render(originals(), &nonce);
        prop_assert_eq!(parse(&document, &nonce, originals()), Ok(vec![]));
        prop_assert_eq!(parse(&format!("{document}\n"), &nonce, originals()), Ok(vec![]));
    }

    #[test]
    fn only_the_edited_body_changes(bodies in prop::collection::vec(body(), 1..5), new in body(), at in any::<prop::sample::Index>()) {
        let at = at.index(bodies.len());
        let ids: Vec<_> = (0..bodies.len()).map(|at| format!("m-{at}")).collect();
        let originals = || ids.iter().map(String::as_str).zip(bodies.iter().map(String::as_str));
        let nonce = nonce(&bodies.iter().chain([&new]).map(String::as_str), 0);
        let after = originals().enumerate().map(|(i, (id, body))| (id, if i == at { new.as_str() } else { body }));
        let result = parse(&render(after, &nonce), &nonce, originals());
        let old = &bodies[at];
        match (compact(old), compact(&new)) {
            (Some(_), None) => {
                let is_fault = matches!(&result, Err(EditFault::NotJson { id, .. }) if *id == ids[at]);
                prop_assert!(is_fault, "{:?}", result);
            }
            (Some(before), Some(after)) if before == after => prop_assert_eq!(result, Ok(vec![])),
            (_, Some(after)) => prop_assert_eq!(result, Ok(vec![(ids[at].clone(), after)])),
            (None, None) if new == *old || new.strip_suffix('\n') == Some(old) => prop_assert_eq!(result, Ok(vec![])),
            (None, None) => prop_assert_eq!(result, Ok(vec![(ids[at].clone(), new.clone())])),
        }
    }
}
