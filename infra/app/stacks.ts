import type { App, StackProps } from 'aws-cdk-lib';
import { DefaultStackSynthesizer } from 'aws-cdk-lib';
import { AuthStack } from './auth-stack.ts';
import { DataStack } from './data-stack.ts';
import type { SynthContext } from './input.ts';
import { PackagesInBucket, refuseRegionWithoutAuthorities } from './packages.ts';
import { PipelineStack } from './pipeline-stack.ts';
import { WiringStack } from './wiring-stack.ts';

const WHAT = 'rollcall: every confirmed Cognito user has exactly one row in Postgres';

/**
 * The stacks that a context asks for. Each knows only those before it:
 *
 * - always the pipeline, which knows the database that is made, and a pool that is given;
 * - with the example pool and `attach`: pool and pipeline, which do not know each other, and the wiring, which knows both;
 * - with the example pool and `native`: the pipeline, and the pool, which knows its functions.
 */
export function makeStacks(app: App, context: SynthContext, env: Pick<StackProps, 'env'>): void {
  const stack = (part: string) => stackId(context.name, part);
  const about = (part: string): StackProps => ({ ...env, ...synthesizer(context), description: `${WHAT}: ${part}.` });
  const data = context.database === 'aurora' ? new DataStack(app, stack('Data'), { ...about('the database'), name: context.name }) : undefined;
  if (data) refuseRegionWithoutAuthorities(context.packages, data.region);
  const pipeline = new PipelineStack(app, stack('Pipeline'), { ...about('from the trigger to the row'), context, data });
  if (context.pool === 'given') return;
  const isNative = context.triggers === 'native';
  const auth = new AuthStack(app, stack('Auth'), { ...about('the user pool'), name: context.name, triggers: isNative ? pipeline.triggers : undefined });
  if (isNative) return;
  new WiringStack(app, stack('Wiring'), {
    ...about('the triggers of the user pool'),
    name: context.name,
    userPoolId: auth.userPoolId,
    clientId: auth.clientId,
    triggers: pipeline.triggers,
    packages: context.packages,
    poolDefinition: auth.poolDefinition,
    heal: context.heal,
  });
}

/** `RollcallPipeline`, or `RollcallDevPipeline` of the environment `rollcall-dev`: two environments have no stack and no export in common. */
function stackId(name: string, part: string): string {
  const words = name.split('-').map((word) => word[0]!.toUpperCase() + word.slice(1));
  return [...words, part].join('');
}

/** Who deploys without the CDK has not bootstrapped it either. */
function synthesizer({ packages }: SynthContext): Pick<StackProps, 'synthesizer'> {
  if (!(packages instanceof PackagesInBucket)) return {};
  return { synthesizer: new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }) };
}
