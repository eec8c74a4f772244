//! Two environments in one account and Region: what is done to one is not done to the other.

use std::time::{Duration, Instant};

use pipeline_tests::{
    Outputs,
    moto::{person::sign_up, pool::Pool},
    target::Assembly,
};
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::deployment::target;

/// One environment: its app, its pool and its database.
struct Environment {
    assembly: Assembly,
    pool: Pool<'static>,
    database: String,
}

impl Environment {
    fn new(name: &str) -> Self {
        let pool = Pool::create(target().moto, &json!({ "UsernameAttributes": ["email"] })).unwrap();
        pool.call("CreateUserPoolClient", json!({ "ClientName": "app" })).unwrap();
        let assembly = target().synthesize(&[("name", name)]).unwrap();
        let database = target().postgres.create_database(&name.replace('-', "_")).unwrap();
        Self { assembly, pool, database }
    }

    fn deploy(&self, more: &[(&str, &str)]) -> Outputs {
        let mut parameters = vec![("UserPoolId", self.pool.id.clone()), ("DatabaseUrl", self.database.clone())];
        parameters.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        target().deploy(self.assembly.stack(), &self.assembly, &parameters).unwrap()
    }

    /// The subs in the table, when there are that many.
    async fn rows(&self, wanted: usize) -> Vec<String> {
        let mut connection = PgConnection::connect(&self.database).await.unwrap();
        let begun = Instant::now();
        loop {
            let rows: Vec<(String,)> =
                sqlx::query_as("select cognito_sub::text from users").fetch_all(&mut connection).await.unwrap();
            if rows.len() >= wanted {
                return rows.into_iter().map(|(sub,)| sub).collect();
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "{} rows instead of {wanted}", rows.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn two_environments_stand_side_by_side_and_each_changes_and_goes_alone() {
    let (dev, prod) = (Environment::new("rollcall-dev"), Environment::new("rollcall-prod"));
    assert_eq!([dev.assembly.stack(), prod.assembly.stack()], ["RollcallDevPipeline", "RollcallProdPipeline"]);
    let (of_dev, of_prod) = (dev.deploy(&[]), prod.deploy(&[]));
    println!("{} and {}", of_dev.producer_function_arn, of_prod.producer_function_arn);
    assert!(of_dev.producer_function_arn.ends_with(":rollcall-dev-producer"));
    assert!(of_prod.producer_function_arn.ends_with(":rollcall-prod-producer"));
    assert_ne!(of_dev.queue_url, of_prod.queue_url);
    assert_ne!(of_dev.bus_name, of_prod.bus_name);

    let developer = sign_up(target(), &dev.pool, "dev@example.com").unwrap();
    let customer = sign_up(target(), &prod.pool, "prod@example.com").unwrap();
    assert_eq!(dev.rows(1).await, [developer.sub]);
    assert_eq!(prod.rows(1).await, [customer.sub.as_str()]);

    let hidden = target().visibility_timeout(&of_prod.queue_url).unwrap();
    dev.deploy(&[("VisibilityTimeoutSeconds", "77")]);
    assert_eq!(target().visibility_timeout(&of_dev.queue_url).unwrap(), "77");
    assert_eq!(target().visibility_timeout(&of_prod.queue_url).unwrap(), hidden);

    let of_prod_alone = target().functions_and_queues("rollcall-prod").unwrap();
    target().delete(dev.assembly.stack()).unwrap();
    assert_eq!(target().functions_and_queues("rollcall-dev").unwrap(), Vec::<String>::new());
    assert_eq!(target().functions_and_queues("rollcall-prod").unwrap(), of_prod_alone);
    assert_eq!(dev.pool.triggers().unwrap(), json!({}));
    sign_up(target(), &prod.pool, "again@example.com").unwrap();
    assert_eq!(prod.rows(2).await.len(), 2);
}
