// Started with: node --require strict-trigger.cjs <cognito-local>/lib/bin/start.js
//
// cognito-local 5.3.0 swallows every failure of the PostConfirmation trigger. Cognito gives the function 5 seconds per
// try and three tries, and returns the failure to the caller of ConfirmSignUp, while the user stays confirmed:
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
// This preload puts that behaviour in the place of one module, in memory.
//
// COGNITO_LOCAL_LIB names cognito-local's `lib` folder.
// Assumed, not documented: an error that the function returns is final; only time-outs and failed calls are tried again.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const Module = require("node:module");

const TRIES = 3;
const TIMEOUT_MS = 5000;

// Node keys its module cache by real path: through a symbolic link the replacement would silently have no effect.
const lib = fs.realpathSync(process.env.COGNITO_LOCAL_LIB);
const { attributesToRecord } = require(path.join(lib, "services/userPoolService.js"));
const { UnexpectedLambdaExceptionError, UserLambdaValidationError } = require(path.join(lib, "errors.js"));

const PostConfirmation = ({ lambda }) => async (ctx, event) => {
  const request = {
    clientId: event.clientId,
    clientMetadata: event.clientMetadata,
    triggerSource: event.source,
    userAttributes: attributesToRecord(event.userAttributes),
    username: event.username,
    userPoolId: event.userPoolId,
  };
  for (let attempt = 1; ; attempt++) {
    try {
      return await withinTimeout(lambda.invoke(ctx, "PostConfirmation", request));
    } catch (error) {
      ctx.logger.error(error, `PostConfirmation: try ${attempt} of ${TRIES} failed`);
      if (attempt === TRIES || error instanceof UserLambdaValidationError) throw error;
    }
  }
};

async function withinTimeout(answer) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new UnexpectedLambdaExceptionError()), TIMEOUT_MS);
  });
  try {
    await Promise.race([answer, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

const file = path.join(lib, "services/triggers/postConfirmation.js");
if (!fs.existsSync(file)) throw new Error(`strict-trigger: ${file} not found; written for cognito-local 5.3.0`);
const replacement = new Module(file, null);
replacement.filename = file;
replacement.loaded = true;
replacement.exports = { PostConfirmation };
require.cache[file] = replacement;
