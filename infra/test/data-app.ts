/** The data stack as the app has it, with a stack beside it that borrows what the pipeline will: run by `data-stack.test.ts`. */
import { App, Stack, Validations } from 'aws-cdk-lib';
import { CfnParameter } from 'aws-cdk-lib/aws-ssm';
import { AwsSolutionsChecks } from 'cdk-nag';
import { DataStack } from '../lib/data-stack.ts';

const app = new App({
  analyticsReporting: false,
  context: {
    '@aws-cdk/core:validateAgainstDefaultRules': true,
    '@aws-cdk/core:defaultCrossStackReferences': 'strong',
  },
});
const env = app.node.tryGetContext('env');
const data = new DataStack(app, 'RollcallData', { description: 'The database.', env });
const borrower = new Stack(app, 'Borrower', { description: 'Borrows.', env });
const { consumer, migrate, subnets } = data;
for (const [id, borrowed] of Object.entries({ Consumer: consumer, Migrate: migrate, Subnets: subnets })) {
  new CfnParameter(borrower, id, { type: 'String', value: borrower.toJsonString(borrowed) });
}
if (app.node.tryGetContext('nag')) Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
app.synth();
