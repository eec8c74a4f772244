import { createHash } from 'node:crypto';
import { Lazy, Stack } from 'aws-cdk-lib';
import type { CfnUserPool } from 'aws-cdk-lib/aws-cognito';

/**
 * A text that changes exactly when the pool's part of its template does, by whatever it was changed:
 * then CloudFormation updates the pool, and may clear triggers that it does not know.
 */
export function poolDefinition(pool: CfnUserPool): string {
  const inTemplate = () => JSON.stringify(Stack.of(pool).resolve(templateOf(pool)));
  // At the very end, when tags and aspects have been applied.
  return Lazy.string({ produce: () => createHash('sha256').update(inTemplate()).digest('hex') });
}

/** What the CDK writes into the template for one resource; the method is not in its declarations. */
function templateOf(resource: CfnUserPool): unknown {
  return (resource as unknown as { _toCloudFormation(): unknown })._toCloudFormation();
}
