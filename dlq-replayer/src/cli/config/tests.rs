use super::*;

const FULL: &str = r#"
    [aliases]
    orders = "arn:aws:sqs:eu-west-1:111122223333:orders-dlq"
    users_2 = "users-dlq"

    [defaults]
    profile = "operations"
    region = "eu-west-1"
    endpoint_url = "http://127.0.0.1:4566"
    concurrency = 8
    visibility = 120
    rate = "50/s"
    quarantine = "orders"
    max_replays = 5
    max_bounced = 0.25
"#;

fn fault(text: &str) -> String {
    Config::parse(text).unwrap_err().to_string()
}

#[test]
fn everything_is_optional() {
    assert_eq!(Config::parse("").unwrap(), Config::default());
    let config = Config::parse(FULL).unwrap();
    assert_eq!(config.defaults.concurrency.map(NonZeroUsize::get), Some(8));
    assert_eq!(config.defaults.rate.as_deref(), Some("50/s"));
    assert_eq!(config.defaults.visibility, Some(120));
}

#[test]
fn an_alias_stands_for_a_queue_once() {
    let config = Config::parse(FULL).unwrap();
    assert_eq!(config.resolve("orders"), "arn:aws:sqs:eu-west-1:111122223333:orders-dlq");
    assert_eq!(config.resolve("users_2"), "users-dlq");
    assert_eq!(config.resolve("users-dlq"), "users-dlq");
}

#[test]
fn an_unknown_key_is_named_beside_the_known_ones() {
    let text = fault("[defaults]\nreigon = \"eu-west-1\"\n");
    assert!(
        text.starts_with("line 2, column 1: unknown field `reigon`, expected one of `profile`, `region`"),
        "{text}"
    );
    assert!(text.ends_with("`max_bounced`"), "{text}");
    let text = fault("[alias]\n");
    assert!(text.contains("unknown field `alias`, expected `aliases` or `defaults`"), "{text}");
}

#[test]
fn a_value_of_the_wrong_kind_says_where_it_is() {
    assert!(fault("[defaults]\nvisibility = \"long\"").starts_with("line 2, column 14: invalid type"));
    assert!(fault("[defaults]\nconcurrency = 0").starts_with("line 2, column 15: "));
    assert!(fault("[aliases]\norders = ").starts_with("line 2, column "));
    assert_eq!(fault("[defaults]\nvisibility = 43201"), "`visibility` is 43201; it must be 1 to 43200 seconds");
    assert_eq!(fault("[defaults]\nconcurrency = 1000"), "`concurrency` is 1000; it must be 1 to 64");
    assert_eq!(fault("[defaults]\nvisibility = 0"), "`visibility` is 0; it must be 1 to 43200 seconds");
    assert_eq!(
        fault("[defaults]\nrate = \"fast\""),
        "`rate` is not valid: expected a rate such as 50/s, or `unlimited`"
    );
    assert_eq!(fault("[defaults]\nmax_bounced = 50.0"), "`max_bounced` must be from 0 to 1");
    assert_eq!(fault("[defaults]\nmax_bounced = nan"), "`max_bounced` must be from 0 to 1");
    assert_eq!(
        fault("[aliases]\n\"arn:aws\" = \"q\""),
        "the alias `arn:aws` may only have letters, digits, `-` and `_`"
    );
    assert_eq!(fault("[aliases]\nq = \" \""), "the alias `q` stands for nothing");
}

#[test]
fn a_missing_file_is_the_default_and_an_unreadable_one_is_an_error() {
    let folder = std::env::temp_dir().join(format!("config-{}", uuid::Uuid::new_v4()));
    let file = folder.join("dlq-replayer.toml");
    assert_eq!(Config::load(&file).unwrap(), Config::default());
    fs::create_dir_all(&folder).unwrap();
    // A folder cannot be read as a file, not even by root.
    let error = Config::load(&folder).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read the configuration `{}`", folder.display()));
    fs::write(&file, "[defaults]\nrate = 50").unwrap();
    let error = Config::load(&file).unwrap_err();
    assert_eq!(error.to_string(), format!("the configuration `{}` is invalid", file.display()));
    fs::write(&file, FULL).unwrap();
    assert_eq!(Config::load(&file).unwrap(), Config::parse(FULL).unwrap());
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_example_in_the_runbook_is_valid() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/runbook.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, example) = page.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let Config { aliases, defaults } = Config::parse(example).unwrap();
    assert!(!aliases.is_empty() && defaults.max_bounced.is_some());
}

#[test]
fn the_file_is_in_the_folder_for_configuration() {
    let path = Config::path().unwrap();
    assert!(path.is_absolute() && path.ends_with("dlq-replayer/dlq-replayer.toml"), "{}", path.display());
}
