//! `--profile`: as other AWS tools take it.

use std::fs;

use super::{DLQ, Scene};

const PROFILES: &str = "[default]\nregion = eu-west-1\n\n[profile operations]\nregion = eu-west-1\naws_access_key_id = OFPROFILE\naws_secret_access_key = secret\n";

/// Six dead letters, and the profiles `default` and `operations`.
fn with_profiles() -> Scene {
    let scene = Scene::new();
    let folder = scene.replayer.home().join(".aws");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config"), PROFILES).unwrap();
    scene
}

/// The access keys that calls were signed with.
fn keys(scene: &Scene) -> std::sync::Arc<std::sync::Mutex<Vec<String>>> {
    scene.record(|call| {
        let (_, signed) = call.headers.get("authorization")?.split_once("Credential=")?;
        Some(signed.split('/').next()?.to_owned())
    })
}

#[test]
fn a_profile_that_does_not_exist_is_an_error_that_names_what_there_is() {
    let scene = with_profiles();
    insta::assert_snapshot!("profile_not_found", scene.said(&["triage", DLQ, "--profile", "operation"]));
    let mut command = scene.replayer.command(&["replay", DLQ, "--execute"]).unwrap();
    let said = Scene::run_command(command.env("AWS_PROFILE", "nope"));
    assert!(said.code == 1 && said.err.starts_with("error: profile `nope` not found\n"), "{}", said.text());
    assert!(scene.model.calls().is_empty(), "nothing is asked as somebody else: {:?}", scene.model.calls());
    let said = Scene::new().run(&["triage", DLQ, "--profile", "operations"]);
    assert!(said.code == 1 && said.err.contains("hint: there are no profiles"), "{}", said.text());
}

#[test]
fn a_profile_on_the_command_line_wins_over_credentials_in_variables() {
    let scene = with_profiles();
    let keys = keys(&scene);
    let said = scene.run(&["triage", DLQ, "--profile", "operations"]);
    let mut used = std::mem::take(&mut *keys.lock().unwrap());
    used.dedup();
    assert_eq!((said.code, used), (0, vec!["OFPROFILE".to_owned()]), "{}", said.text());
}

#[test]
fn credentials_in_variables_win_over_the_profile_of_the_configuration() {
    let scene = with_profiles();
    let folder = scene.folder.join("config/dlq-replayer");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("dlq-replayer.toml"), "[defaults]\nprofile = \"operations\"\n").unwrap();
    let keys = keys(&scene);
    let run = |with_variables: bool| {
        let mut command = scene.replayer.command(&["triage", DLQ]).unwrap();
        command.env("XDG_CONFIG_HOME", scene.folder.join("config"));
        if !with_variables {
            command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        }
        assert_eq!(Scene::run_command(&mut command).code, 0);
        let mut used = std::mem::take(&mut *keys.lock().unwrap());
        used.dedup();
        used
    };
    assert_eq!(run(true), ["test"]);
    assert_eq!(run(false), ["OFPROFILE"]);
}
