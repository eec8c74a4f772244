// Loaded before lumigo-cli (`node --require`): its AWS SDK, version 2, does not know AWS_ENDPOINT_URL and would talk to AWS.
// The analytics that it sends with every command go nowhere, so that nothing leaves this machine.
const Module = require("module");

const load = Module._load;

Module._load = function (name, ...rest) {
  if (name === "analytics-node") {
    return class {
      track() {}
    };
  }
  const loaded = load.call(this, name, ...rest);
  if (name === "aws-sdk") {
    loaded.config.update({ endpoint: process.env.AWS_ENDPOINT_URL, region: process.env.AWS_REGION });
  }
  return loaded;
};
