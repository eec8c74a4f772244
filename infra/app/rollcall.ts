import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { readContext, targetEnvironment } from './input.ts';
import { InputError } from './input-error.ts';
import { PackagesInBucket } from './packages.ts';
import { makeStacks } from './stacks.ts';

try {
  const app = new App({
    // Without analytics the template is the same whether the cdk CLI or plain node synthesizes it.
    analyticsReporting: false,
    context: {
      // The CDK checks every template that it makes; an error shall end the synth and not only be printed.
      '@aws-cdk/core:validateAgainstDefaultRules': true,
      // What another stack uses can then not be replaced under it: a pool, a database.
      '@aws-cdk/core:defaultCrossStackReferences': 'strong',
    },
  });
  const context = readContext(app.node);
  makeStacks(app, context, targetEnvironment(process.env));
  // Takes as long as the synth itself, so a test and the linter ask for it, and the local stack does not.
  if (app.node.tryGetContext('nag')) Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const assembly = app.synth();
  if (context.packages instanceof PackagesInBucket) context.packages.exportBeside(assembly);
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  console.error(error.message);
  // Not `exitCode`: the CDK synthesizes what there is when the process ends by itself.
  process.exit(1);
}
