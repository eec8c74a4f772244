import { type CfnSecurityGroup, type IVpc, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';

/** An address that nobody has: EC2 lets a group without any rule of its own call everywhere. */
const NOWHERE = { ipProtocol: 'icmp', fromPort: 252, toPort: 86, cidrIp: '255.255.255.255/32', description: 'Nowhere.' };

/**
 * A security group that calls nobody, and is called by nobody, but the groups that are connected to it.
 * By hand, because the CDK drops its own such rule as soon as the group may call another one, and EC2 then adds one for everywhere.
 * Source: "Remove default rule" in the examples of AWS::EC2::SecurityGroup.
 */
export class ClosedGroup extends SecurityGroup {
  constructor(scope: Construct, id: string, props: { readonly vpc: IVpc; readonly description: string }) {
    super(scope, id, { ...props, allowAllOutbound: false });
    (this.node.defaultChild as CfnSecurityGroup).securityGroupEgress = [NOWHERE];
  }
}
