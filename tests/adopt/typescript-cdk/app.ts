/**
 * An app as people have it: a stack with the user pool, and a stack with the backend and its database.
 *
 * `-c state=before` is the app before rollcall, `-c state=after` the same with the lines that adopt it.
 */
import { App } from 'aws-cdk-lib';
import { AuthStack } from './auth-stack';

const app = new App();
const state = app.node.tryGetContext('state') ?? 'after';
const { BackendStack } = require(`./${state}/backend-stack`);

const auth = new AuthStack(app, 'AuthStack');
new BackendStack(app, 'BackendStack', auth);
