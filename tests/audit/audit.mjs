// Runs the GraphQL over HTTP audit of the npm package graphql-http against one address and prints its findings as JSON.
// usage: node audit.mjs FOLDER_WITH_NODE_MODULES URL   (the token stands in the variable TOKEN)
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const [folder, url] = process.argv.slice(2);
const { serverAudits } = createRequire(join(resolve(folder), 'index.js'))('graphql-http');

const withToken = (address, init = {}) =>
  fetch(address, { ...init, headers: { ...init.headers, authorization: `Bearer ${process.env.TOKEN}` } });

const findings = [];
for (const audit of serverAudits({ url, fetchFn: withToken })) {
  const { id, name, status, reason } = await audit.fn();
  findings.push({ id, name, status, reason });
}
console.log(JSON.stringify(findings));
