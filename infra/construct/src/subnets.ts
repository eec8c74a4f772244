import type { IDependable } from 'constructs';
import type { Permission } from './permission';

/** Subnets of a VPC, as a function is put into them. */
export interface Subnets {
  readonly subnetIds: string[];
  readonly securityGroupIds: string[];
  readonly may: Permission[];
  /** Their way out: a custom resource responds to CloudFormation through it, in a deletion too. */
  readonly wayOut?: IDependable;
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
