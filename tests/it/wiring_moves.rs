//! Another `UserPoolId`, played in IAM's order: the role's policy is replaced in place before the resource is asked,
//! and the old pool is cleaned up after everything else, with that policy.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::wiring_rollback::{Deployment, POOL, PRODUCER};

const NEW: &str = "eu-west-1_Zz98Yy76X";

fn wiring(pool: &str, more: &Value) -> Value {
    let mut properties = json!({ "UserPoolId": pool, "PostConfirmation": PRODUCER });
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    properties
}

/// A deployed stack about the old pool, and another pool that nothing is attached to.
fn deployed() -> Deployment {
    let deployment = Deployment::of(json!({ "PostConfirmation": PRODUCER }));
    deployment.now(|world| drop(world.pools.insert(NEW.to_owned(), json!({}))));
    deployment
}

fn the_policy_names(deployment: &Deployment, pools: &[&str]) {
    deployment.now(|world| world.permitted = pools.iter().map(|pool| (*pool).to_owned()).collect::<BTreeSet<_>>());
}

#[tokio::test]
async fn another_pool_is_refused_while_the_old_one_could_not_be_detached() {
    let (mut deployment, old, new) = (deployed(), wiring(POOL, &json!({})), wiring(NEW, &json!({})));
    the_policy_names(&deployment, &[NEW]);
    let refused = deployment.update(&new, &old).await.unwrap_err();
    assert!(refused.contains(&format!("deploy with `PreviousUserPoolId` set to {POOL}")), "{refused}");
    assert_eq!(deployment.triggers(NEW), json!({}), "nothing was attached");

    the_policy_names(&deployment, &[POOL]);
    deployment.roll_back(&old, &new).await.unwrap();
    assert_eq!(deployment.triggers(POOL), json!({ "PostConfirmation": PRODUCER }), "nothing was detached");
    assert_eq!(deployment.physical_id, format!("cognito-triggers:{POOL}"), "and nothing is to be cleaned up");
}

#[tokio::test]
async fn a_move_in_two_deployments_attaches_the_new_pool_before_it_detaches_the_old_one() {
    let (mut deployment, old) = (deployed(), wiring(POOL, &json!({})));
    let moving = wiring(NEW, &json!({ "PreviousUserPoolId": POOL }));
    the_policy_names(&deployment, &[NEW, POOL]);
    let before = deployment.physical_id.clone();
    deployment.update(&moving, &old).await.unwrap();
    assert_eq!(deployment.triggers(NEW), json!({ "PostConfirmation": PRODUCER }));
    assert_eq!(deployment.triggers(POOL), json!({ "PostConfirmation": PRODUCER }));

    // Another physical id: CloudFormation cleans up the old resource, and the policy still names its pool.
    let after = std::mem::replace(&mut deployment.physical_id, before.clone());
    assert_ne!(after, before);
    deployment.request("Delete", &old, None).await.unwrap();
    assert_eq!(deployment.triggers(POOL), json!({}));

    deployment.physical_id = after;
    the_policy_names(&deployment, &[NEW]);
    let said = deployment.update(&wiring(NEW, &json!({})), &moving).await.unwrap();
    assert!(said.contains("nothing was sent"), "{said}");
    assert_eq!(deployment.triggers(NEW), json!({ "PostConfirmation": PRODUCER }));
}

#[tokio::test]
async fn a_previous_pool_that_is_not_the_old_one_is_refused() {
    let (mut deployment, old) = (deployed(), wiring(POOL, &json!({})));
    let other = wiring(NEW, &json!({ "PreviousUserPoolId": "eu-west-1_Other" }));
    the_policy_names(&deployment, &[NEW, "eu-west-1_Other"]);
    assert!(deployment.update(&other, &old).await.unwrap_err().contains(POOL));
}

#[tokio::test]
async fn a_move_that_fails_when_the_new_pool_was_attached_detaches_it_again() {
    let (mut deployment, old) = (deployed(), wiring(POOL, &json!({})));
    let moving = wiring(NEW, &json!({ "PreviousUserPoolId": POOL }));
    the_policy_names(&deployment, &[NEW, POOL]);
    deployment.now(|world| {
        world.moody.insert(NEW.to_owned(), "LITE");
    });

    let refused = deployment.update(&moving, &old).await.unwrap_err();

    // CloudFormation keeps the old id, so it never asks for the new pool to be cleaned up.
    assert!(refused.contains("UserPoolTier"), "{refused}");
    assert_eq!(deployment.physical_id, format!("cognito-triggers:{POOL}"));
    assert_eq!(deployment.triggers(NEW), json!({}));
    assert_eq!(deployment.triggers(POOL), json!({ "PostConfirmation": PRODUCER }));
}
