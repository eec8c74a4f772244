//! The JSON Schemas of what `--json` prints: generated from the types, and a test that they have not drifted.

use schemars::{JsonSchema, generate::SchemaSettings};

use super::{
    dry_run::DryRunReport,
    export::ExportReport,
    history::{HistoryReport, RunHistoryReport},
    list::ListReport,
    preflight::PreflightReport,
    show::ShowReport,
    summary::RunReport,
    triage::TriageReport,
    watch::WatchReport,
};
use crate::sqs::message::Message;

fn check<T: JsonSchema>(name: &str) {
    let file = format!("{}/schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    let text = format!("{:#}\n", serde_json::to_value(schema).unwrap());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(found, text, "{name} has drifted; run the tests with UPDATE_SCHEMA=1 and read the diff");
}

#[test]
fn the_schema_files_are_what_the_types_say() {
    check::<TriageReport>("triage");
    check::<ListReport>("list");
    check::<ShowReport>("show");
    check::<DryRunReport>("dry-run");
    check::<RunReport>("run");
    check::<ExportReport>("export");
    check::<PreflightReport>("preflight");
    check::<HistoryReport>("history");
    check::<RunHistoryReport>("run-history");
    check::<WatchReport>("watch");
    check::<Message>("message");
}
