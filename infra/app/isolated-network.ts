import { Fn, RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpoint,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpoint,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { AnyPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { ClosedGroup } from './closed-group.ts';
import { LOG_RETENTION } from '../construct/src/limits.ts';
import { DATA } from './data-limits.ts';
import type { Permission } from '../construct/src/permission.ts';

/**
 * A VPC that nothing leaves and nothing enters: subnets without a route to the internet, and endpoints of the few services that the functions call.
 * Lambda itself needs none: it polls the queue, takes the answers and writes the logs outside of the VPC.
 */
export class IsolatedNetwork extends Construct {
  readonly vpc: Vpc;
  /** The functions, as the database sees them. Nobody may call into it. */
  readonly functions: SecurityGroup;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(DATA.cidr),
      maxAzs: DATA.zones,
      subnetConfiguration: [{ name: 'Isolated', subnetType: SubnetType.PRIVATE_ISOLATED }],
      // Nothing is in the default group, and the CDK would close it with a custom resource.
      restrictDefaultSecurityGroup: false,
    });
    this.functions = new SecurityGroup(this, 'Functions', {
      vpc: this.vpc,
      description: 'The consumer and migrate.',
      allowAllOutbound: false,
    });
    // To any address, because S3's prefix list has another name in each Region and a template cannot ask for it.
    // The route tables know no way but to the VPC itself and to S3, and S3's endpoint lets one request through.
    this.functions.addEgressRule(Peer.anyIpv4(), Port.HTTPS, 'Endpoints, and S3 by its gateway.');
    this.s3();
    this.logRefusals();
  }

  /** An endpoint that the functions alone may call, for `may` alone if it says anything. */
  letReach(id: string, service: InterfaceVpcEndpointAwsService, may?: Permission): void {
    const group = new ClosedGroup(this, `${id}Endpoint`, { vpc: this.vpc, description: `The endpoint of ${id}.` });
    group.addIngressRule(this.functions, Port.HTTPS, 'The functions.');
    const endpoint = new InterfaceVpcEndpoint(this, id, {
      vpc: this.vpc,
      service,
      securityGroups: [group],
      // Else it would let in the whole VPC.
      open: false,
    });
    if (may) endpoint.addToPolicy(anybody(may));
  }

  /**
   * The way to CloudFormation's answers: a custom resource puts its answer to a URL in S3.
   * Without it `migrate` could not say that it is done, and a deployment would hang until the ServiceTimeout of its custom resource.
   * Source: "Considerations for CloudFormation VPC endpoints", which names the bucket and wants the Region without dashes.
   */
  private s3(): void {
    const { partition, region } = Stack.of(this);
    const answers = `cloudformation-custom-resource-response-${Fn.join('', Fn.split('-', region))}`;
    const endpoint = new GatewayVpcEndpoint(this, 'S3', { vpc: this.vpc, service: GatewayVpcEndpointAwsService.S3 });
    endpoint.addToPolicy(anybody({ actions: ['s3:PutObject'], on: `arn:${partition}:s3:::${answers}/*` }));
  }

  /** In a network where everything has its rule, what is refused is a mistake or an attempt. The rest would cost and say nothing. */
  private logRefusals(): void {
    const logGroup = new LogGroup(this, 'Refusals', { retention: LOG_RETENTION, removalPolicy: RemovalPolicy.DESTROY });
    this.vpc.addFlowLog('Refused', {
      trafficType: FlowLogTrafficType.REJECT,
      destination: FlowLogDestination.toCloudWatchLogs(logGroup),
    });
  }
}

/** An endpoint's policy allows nothing by itself: the caller needs the permission too. */
function anybody({ actions, on }: Permission): PolicyStatement {
  return new PolicyStatement({ principals: [new AnyPrincipal()], actions, resources: [on] });
}
