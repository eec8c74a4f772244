import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { InputError, readContext, targetEnvironment } from '../lib/input.ts';
import { PipelineStack } from '../lib/pipeline-stack.ts';

try {
  const app = new App({
    // Without analytics the template is the same whether the cdk CLI or plain node synthesizes it.
    analyticsReporting: false,
    // The CDK checks every template that it makes; an error shall end the synth and not only be printed.
    context: { '@aws-cdk/core:validateAgainstDefaultRules': true },
  });
  new PipelineStack(app, 'RollcallPipeline', {
    description: 'rollcall: every confirmed Cognito user has exactly one row in Postgres.',
    ...readContext(app.node),
    ...targetEnvironment(process.env),
  });
  // Takes as long as the synth itself, so a test and the linter ask for it, and the local stack does not.
  if (app.node.tryGetContext('nag')) Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  app.synth();
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(error.message);
  // Not `exitCode`: the CDK synthesizes what there is when the process ends by itself.
  process.exit(1);
}
