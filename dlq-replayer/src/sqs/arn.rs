//! ARNs.

/// The parts of an ARN: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
/// Source: "Identify AWS resources with Amazon Resource Names (ARNs)" in the AWS Identity and Access Management user guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// The partition, such as `aws`.
    pub partition: &'a str,
    /// The service, such as `sqs`.
    pub service: &'a str,
    /// The Region.
    pub region: &'a str,
    /// The account.
    pub account: &'a str,
    /// The resource, which may have colons of its own.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Reads an ARN; none when the text is not one.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        match (next()?, next()?, next()?, next()?, next()?, next()?) {
            ("arn", partition, service, region, account, resource) => {
                Some(Self { partition, service, region, account, resource })
            }
            _ => None,
        }
    }

    /// The ARN of a queue, whose resource is its name.
    pub fn of_queue(text: &'a str) -> Option<Self> {
        Self::parse(text).filter(|arn| arn.service == "sqs" && !arn.resource.contains(':'))
    }

    /// The Region of an ARN; a plain name has none.
    pub fn region_of(name_or_arn: &'a str) -> Option<&'a str> {
        Self::parse(name_or_arn).map(|arn| arn.region).filter(|region| !region.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_has_six_parts_and_a_resource_may_have_colons() {
        let function = Arn::parse("arn:aws:lambda:eu-west-1:111122223333:function:f:live").unwrap();
        assert_eq!((function.region, function.resource), ("eu-west-1", "function:f:live"));
        assert!(Arn::parse("arn:aws:sqs:eu-west-1:1").is_none() && Arn::parse("orders").is_none());
        assert!(Arn::of_queue("arn:aws-cn:sqs:cn-north-1:1:q").is_some_and(|arn| arn.partition == "aws-cn"));
        assert!(Arn::of_queue("arn:aws:sqs:eu-west-1:1:q:more").is_none());
        assert_eq!((Arn::region_of("main"), Arn::region_of("arn:aws:iam::1:role/r")), (None, None));
    }
}
