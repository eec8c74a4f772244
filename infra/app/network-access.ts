import { CfnParameter, type Stack } from 'aws-cdk-lib';
import { INTERFACES, type Subnets } from '../construct/src/subnets.ts';
import type { Network } from './input.ts';

/** Declares the parameters of a VPC of yours; nothing in Lambda's own network. */
export function networkAccess(stack: Stack, network: Network): Subnets | undefined {
  if (network === 'lambda') return undefined;
  const subnetIds = new CfnParameter(stack, 'SubnetIds', {
    type: 'List<AWS::EC2::Subnet::Id>',
    description: 'Private subnets for the consumer, in two zones or more; without NAT they need endpoints for SQS and S3, and for Secrets Manager if it is used.',
  }).valueAsList;
  const securityGroupIds = new CfnParameter(stack, 'SecurityGroupIds', {
    type: 'List<AWS::EC2::SecurityGroup::Id>',
    description: "Security groups of the consumer; the database's own must let them in.",
  }).valueAsList;
  return { subnetIds, securityGroupIds, may: [INTERFACES] };
}
