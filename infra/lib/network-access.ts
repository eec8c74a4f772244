import { CfnParameter, type Stack } from 'aws-cdk-lib';
import type { Network } from './input.ts';
import type { Permission } from './rust-function.ts';

/** Subnets of a VPC, as a function is put into them. */
export interface Subnets {
  readonly subnetIds: string[];
  readonly securityGroupIds: string[];
  readonly may: Permission[];
}

/**
 * What Lambda does in the function's name to put it into a VPC.
 * None of these can be limited to a resource: the interfaces do not exist before, and their names are Lambda's.
 * Source: "Required IAM permissions" in "Giving Lambda functions access to resources in an Amazon VPC".
 */
export const INTERFACES: Permission = {
  actions: [
    'ec2:AssignPrivateIpAddresses',
    'ec2:CreateNetworkInterface',
    'ec2:DeleteNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:UnassignPrivateIpAddresses',
  ],
  on: '*',
};

/** Declares the parameters of a VPC of yours; nothing in Lambda's own network. */
export function networkAccess(stack: Stack, network: Network): Subnets | undefined {
  if (network === 'lambda') return undefined;
  const subnetIds = new CfnParameter(stack, 'SubnetIds', {
    type: 'List<AWS::EC2::Subnet::Id>',
    description: 'Private subnets for the consumer, in two zones or more; without NAT they need endpoints for SQS, and for Secrets Manager if it is used.',
  }).valueAsList;
  const securityGroupIds = new CfnParameter(stack, 'SecurityGroupIds', {
    type: 'List<AWS::EC2::SecurityGroup::Id>',
    description: "Security groups of the consumer; the database's own must let them in.",
  }).valueAsList;
  return { subnetIds, securityGroupIds, may: [INTERFACES] };
}
