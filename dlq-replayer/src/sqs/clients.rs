//! The SDK's clients: one for each Region, because a client asks only the Region that it was made for.

use std::{cell::RefCell, collections::BTreeMap};

use aws_types::{SdkConfig, region::Region};

use super::waiting::Waiting;

/// Clients of one identity, for any Region.
pub struct Clients {
    config: SdkConfig,
    waiting: Waiting,
    sqs: RefCell<BTreeMap<Option<String>, aws_sdk_sqs::Client>>,
}

impl Clients {
    /// Clients that share a configuration; its Region is the one that a plain name is looked up in.
    pub fn new(config: SdkConfig) -> Self {
        Self { config, waiting: Waiting::default(), sqs: RefCell::default() }
    }

    /// Which of their calls have no answer.
    pub fn waiting(&self) -> &Waiting {
        &self.waiting
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
            .or_insert_with(|| {
                let config = aws_sdk_sqs::config::Builder::from(&self.in_region(region.as_deref()));
                aws_sdk_sqs::Client::from_conf(config.interceptor(self.waiting.clone()).build())
            })
            .clone()
    }

    /// EventBridge in a Region.
    pub fn events(&self, region: Option<&str>) -> aws_sdk_eventbridge::Client {
        let config = aws_sdk_eventbridge::config::Builder::from(&self.in_region(region));
        aws_sdk_eventbridge::Client::from_conf(config.interceptor(self.waiting.clone()).build())
    }

    /// Lambda in a Region.
    pub fn lambda(&self, region: Option<&str>) -> aws_sdk_lambda::Client {
        let config = aws_sdk_lambda::config::Builder::from(&self.in_region(region));
        aws_sdk_lambda::Client::from_conf(config.interceptor(self.waiting.clone()).build())
    }

    fn in_region(&self, region: Option<&str>) -> SdkConfig {
        match region {
            None => self.config.clone(),
            Some(region) => self.config.to_builder().region(Region::new(region.to_owned())).build(),
        }
    }
}
