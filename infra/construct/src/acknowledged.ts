/** Findings of cdk-nag's AwsSolutions pack that are as they should be, each with its reason. `infra/README.md` lists them. */
export const ACKNOWLEDGED = {
  everyResource: {
    id: 'AwsSolutions::AwsSolutions-IAM5[Resource::*]',
    reason:
      'X-Ray takes traces and knows no resources to limit that to; in a VPC, Lambda makes network interfaces that do not exist before. A test allows these actions and no others on every resource.',
  },
  queueWithoutDeadLetters: {
    id: 'AwsSolutions::AwsSolutions-SQS3',
    reason: "It is a dead-letter queue itself: that of the rule's target, which the check does not see.",
  },
  optionalMfa: {
    id: 'AwsSolutions::AwsSolutions-COG2',
    reason: 'The example pool offers a second factor and leaves it to each person; requiring one is a decision about your users.',
  },
  essentialsPlan: {
    id: 'AwsSolutions::AwsSolutions-COG8',
    reason: 'Threat protection comes with the Plus plan, which costs several times as much for each user; the example pool has the default plan.',
  },
} as const;
