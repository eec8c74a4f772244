import { Stack } from 'aws-cdk-lib';
import type { CfnEventBus, EventBus } from 'aws-cdk-lib/aws-events';
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Alias, type IKey } from 'aws-cdk-lib/aws-kms';
import type { Permission } from './permission';

/** Lets EventBridge use the key of bus, archive and queues. A key that was made elsewhere keeps its policy, and its owner has to write this into it. */
export function letEventBridgeUse(key: IKey): void {
  // Not the ARN of rule or bus: the rule names the queue, the queue the key, and the key would name the rule.
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'RulesMayEncrypt',
      effect: Effect.ALLOW,
      principals: [new ServicePrincipal('events.amazonaws.com')],
      // An archive also asks to encrypt again.
      // Source: "Encrypting EventBridge archives with AWS KMS keys" in the Amazon EventBridge user guide.
      actions: ['kms:Decrypt', 'kms:GenerateDataKey', 'kms:ReEncrypt*'],
      // In a key's own policy this is that key.
      resources: ['*'],
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(key).account } },
    }),
  );
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'BusMayDescribe',
      effect: Effect.ALLOW,
      principals: [new ServicePrincipal('events.amazonaws.com')],
      actions: ['kms:DescribeKey'],
      resources: ['*'],
    }),
  );
}

/**
 * The key that an alias stands for: a policy of IAM that names an alias permits nothing.
 * Source: "Using aliases to control access to KMS keys" in the AWS KMS developer guide.
 */
export function keyItself(key: IKey): IKey {
  if (!('aliasName' in key)) return key;
  if (key instanceof Alias) return key.aliasTargetKey;
  throw new Error('the key is an alias by its name alone, which no permission can name: give the key itself');
}

/** By hand, because the CDK's own writes the bus's name into the key's policy a second time. */
export function encryptBus(bus: EventBus, key: IKey): void {
  (bus.node.defaultChild as CfnEventBus).kmsKeyIdentifier = key.keyArn;
}

/** What a function needs besides the queues' own permissions to send to them and to receive from them. */
export function mayUse(key: IKey | undefined): Permission[] {
  return key ? [{ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], on: key.keyArn }] : [];
}
