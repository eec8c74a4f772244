/** Every number of the database that comes with it, with its unit and its reason. */
import { Duration } from 'aws-cdk-lib';
import { ARCHIVE_DAYS } from '../construct/src/limits.ts';

/** The database that comes with it, for whoever has none. */
export const DATA = {
  /** Two subnets of 251 addresses: the proxy wants tens of them. A range that is seldom taken, so that the VPC can be peered with yours. */
  cidr: '10.82.0.0/23',
  /** What a cluster and a proxy need at least: subnets in two zones. */
  zones: 2,
  /** ACUs, of some 2 GiB each. Not 0: a cluster behind RDS Proxy never pauses, so 0 would promise what does not happen. */
  minCapacity: 0.5,
  /** ACUs. The ceiling on the bill, with room for the index of millions of users and for a backlog that drains. A starting value, not a measurement. */
  maxCapacity: 4,
  /**
   * What Aurora makes of `maxCapacity` as `max_connections`; it follows from that alone, and changes with it.
   * Source: "Performance and scaling for Aurora Serverless v2", section "Maximum connections".
   */
  maxConnections: 823,
  /**
   * Percent of `maxConnections` that the proxy may open: the least that AWS recommends, because the rest belongs to the application that reads the table.
   * Source: "RDS Proxy connection considerations", section "MaxConnectionsPercent".
   */
  proxyConnectionsPercent: 20,
  /** Percent of `maxConnections` that it may keep open unused: still more than all consumers together, so none of them waits for a log-in. */
  proxyIdlePercent: 10,
  /**
   * How long the proxy waits for a connection to the database to become free.
   * With the 5 seconds of a statement it stays within the 8 of the consumer's attempt (`consumer/src/statement.rs`); AWS's 120 would outlast the invocation.
   */
  borrowTimeout: Duration.seconds(3),
  /** As long as the bus keeps its events: whatever moment the database is restored to, what came after can be replayed. */
  backupRetention: Duration.days(ARCHIVE_DAYS.default),
} as const;
