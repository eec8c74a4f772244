/**
 * An app with an empty stack, which the cdk CLI runs to tell us the account and the Region that it found credentials for.
 * Asking the CLI itself is the one way that looks where a deployment will look: profiles, single sign-on, roles, metadata services.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';

const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region, CDK_OUTDIR: folder } = process.env;
if (folder === undefined) throw new Error('this is for the cdk CLI: `cdk list --app "node --import tsx which-account.ts"`');
writeFileSync(join(folder, 'account'), account && region ? `account ${account}, Region ${region}` : '');
// The CLI takes an app without any for a mistake.
const app = new App({ analyticsReporting: false });
new Stack(app, 'Nothing');
app.synth();
