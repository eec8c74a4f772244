//! Updates that are refused, and rolled back all the same: on the local stack, with both custom resources' own functions.

use pipeline_tests::moto::pool::THEIRS;
use serde_json::json;

use crate::{
    deployment::{Site, pool, target, with_every_trigger, with_one_trigger},
    existing_table::run,
};

#[tokio::test]
async fn an_update_that_a_foreign_trigger_and_a_dropped_column_refuse_is_rolled_back_all_the_same() {
    let (without, with) = (with_one_trigger(), with_every_trigger());
    let site = Site::new("back", pool(&[]));
    let queue = site.deploy(without, &[]).queue_url;
    let hidden = target().visibility_timeout(&queue).unwrap();
    let made = site.remains();

    // Somebody else's trigger has taken the place of ours since.
    site.pool.set_triggers(json!({ "PostConfirmation": THEIRS })).unwrap();
    let said = site.fail(with, &[("VisibilityTimeoutSeconds", "999")]);
    assert!(said.contains("(Custom::CognitoTriggers): UPDATE_FAILED: ") && said.contains(THEIRS), "{said}");
    assert_eq!(site.status().unwrap(), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(site.pool.triggers().unwrap(), json!({ "PostConfirmation": THEIRS }));
    assert_eq!(site.remains(), made);
    assert_eq!(target().visibility_timeout(&queue).unwrap(), hidden);

    // A column was dropped since, and what brings the migration again is refused twice.
    run(&site.database, "alter table users drop column is_active").await;
    let said = site.fail(without, &[("MigrationRun", "2"), ("VisibilityTimeoutSeconds", "999")]);
    assert!(said.contains("(Custom::UsersTable): UPDATE_FAILED: ") && said.contains("no column `is_active`"), "{said}");
    assert_eq!(site.status().unwrap(), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(target().visibility_timeout(&queue).unwrap(), hidden);

    // What does not ask for the migration deploys although the table does not fit.
    site.deploy(without, &[("VisibilityTimeoutSeconds", "999")]);
    assert_eq!(target().visibility_timeout(&queue).unwrap(), "999");
}

#[test]
fn another_pool_is_refused_at_once_and_moved_to_in_two_deployments() {
    let (assembly, site, other) = (with_one_trigger(), Site::new("move", pool(&[])), pool(&[]));
    let (old, new) = (site.settings(), other.settings().unwrap());
    site.deploy(assembly, &[]);
    let producer = site.function("producer");

    let said = site.fail(assembly, &[("UserPoolId", &other.id)]);
    assert!(said.contains(&format!("deploy with `PreviousUserPoolId` set to {}", site.pool.id)), "{said}");
    assert_eq!(site.status().unwrap(), "UPDATE_ROLLBACK_COMPLETE");
    site.has_only_changed(&old, &[("PostConfirmation", &producer)]);
    assert_eq!(other.settings().unwrap(), new);

    site.deploy(assembly, &[("UserPoolId", &other.id), ("PreviousUserPoolId", &site.pool.id)]);
    let attached =
        |settings: &serde_json::Map<String, serde_json::Value>| settings["LambdaConfig"]["PostConfirmation"].clone();
    assert_eq!(attached(&other.settings().unwrap()), json!(producer));
    assert_eq!(site.settings(), old);

    site.deploy(assembly, &[("UserPoolId", &other.id)]);
    assert_eq!(attached(&other.settings().unwrap()), json!(producer));
}
