import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { SubnetType, type Vpc } from 'aws-cdk-lib/aws-ec2';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { DatabaseProxy, DefaultAuthScheme, ProxyTarget } from 'aws-cdk-lib/aws-rds';
import { Construct } from 'constructs';
import type { AuroraCluster } from './aurora-cluster.ts';
import { ClosedGroup } from './closed-group.ts';
import { mayLogIn } from '../construct/src/database-access.ts';
import { LOG_RETENTION } from '../construct/src/limits.ts';
import { DATA } from './data-limits.ts';

export interface TokenProxyProps {
  /** Lower case, like the database's. */
  readonly name: string;
  readonly vpc: Vpc;
  readonly database: AuroraCluster;
  /** The only database user that it can log in. */
  readonly user: string;
}

/**
 * RDS Proxy with tokens all the way: the function logs in to the proxy with one, and the proxy to the database with another, so the user has no password.
 * Source: "Configuring IAM authentication for RDS Proxy", section "Creating an IAM policy for end-to-end IAM authentication".
 */
export class TokenProxy extends Construct {
  readonly endpoint: string;
  /** The proxy as IAM names it: `prx-…`. */
  readonly resourceId: string;
  readonly group: ClosedGroup;

  constructor(scope: Construct, id: string, { name, vpc, database, user }: TokenProxyProps) {
    super(scope, id);
    this.group = new ClosedGroup(this, 'Group', { vpc, description: 'The proxy.' });
    // As for the database: RDS would make one that keeps everything for ever.
    const logGroup = new LogGroup(this, 'Logs', {
      logGroupName: `/aws/rds/proxy/${name}`,
      retention: LOG_RETENTION,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('rds.amazonaws.com') });
    const { actions, on } = mayLogIn(Stack.of(this), database.cluster.clusterResourceIdentifier, user);
    role.addToPolicy(new PolicyStatement({ effect: Effect.ALLOW, actions, resources: [on] }));
    const proxy = new DatabaseProxy(this, 'Proxy', {
      dbProxyName: name,
      proxyTarget: ProxyTarget.fromCluster(database.cluster),
      vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      securityGroups: [this.group],
      role,
      // Without secrets this is the only way in, so there is nobody to require it of.
      defaultAuthScheme: DefaultAuthScheme.IAM_AUTH,
      requireTLS: true,
      // It would write the text of statements to the log.
      debugLogging: false,
      maxConnectionsPercent: DATA.proxyConnectionsPercent,
      maxIdleConnectionsPercent: DATA.proxyIdlePercent,
      borrowTimeout: DATA.borrowTimeout,
    });
    proxy.node.addDependency(logGroup, role);
    this.endpoint = proxy.endpoint;
    this.resourceId = resourceIdOf(proxy);
  }
}

/** The last part of its ARN; CloudFormation does not give it by itself. */
function resourceIdOf(proxy: DatabaseProxy): string {
  const { resourceName } = Stack.of(proxy).splitArn(proxy.dbProxyArn, ArnFormat.COLON_RESOURCE_NAME);
  if (resourceName === undefined) throw new Error("a proxy's ARN ends with its resource id");
  return resourceName;
}
