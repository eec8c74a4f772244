//! The SDK's clients: one for each Region, because a client asks only the Region that it was made for.

use std::{cell::RefCell, collections::BTreeMap};

use aws_types::{SdkConfig, region::Region};

/// Clients of one identity, for any Region.
pub struct Clients {
    config: SdkConfig,
    sqs: RefCell<BTreeMap<Option<String>, aws_sdk_sqs::Client>>,
}

impl Clients {
    /// Clients that share a configuration; its Region is the one that a plain name is looked up in.
    pub fn new(config: SdkConfig) -> Self {
        Self { config, sqs: RefCell::default() }
    }

    /// The Region of a plain name.
    pub fn region(&self) -> Option<&str> {
        self.config.region().map(AsRef::as_ref)
    }

    /// SQS in a Region; none is the Region of the configuration.
    pub fn sqs(&self, region: Option<&str>) -> aws_sdk_sqs::Client {
        let region = region.or(self.region()).map(str::to_owned);
        self.sqs
            .borrow_mut()
            .entry(region.clone())
            .or_insert_with(|| aws_sdk_sqs::Client::new(&self.in_region(region.as_deref())))
            .clone()
    }

    /// EventBridge in a Region.
    pub fn events(&self, region: Option<&str>) -> aws_sdk_eventbridge::Client {
        aws_sdk_eventbridge::Client::new(&self.in_region(region))
    }

    /// Lambda in a Region.
    pub fn lambda(&self, region: Option<&str>) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(&self.in_region(region))
    }

    fn in_region(&self, region: Option<&str>) -> SdkConfig {
        match region {
            None => self.config.clone(),
            Some(region) => self.config.to_builder().region(Region::new(region.to_owned())).build(),
        }
    }
}
