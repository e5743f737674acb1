// `sluice keys new TENANT`: a fresh key, shown once, and the line of routes.yaml that lets it in.
import { newKey } from '../tenant/keys.ts';
import { UsageError, type Verb } from './verb.ts';

export const keys: Verb = {
  name: 'keys',
  usage: 'new TENANT',
  summary: 'a new key, shown once, and its sha256 line to paste',
  flags: [],
  words: 2,
  async run([action, tenant = ''], flags, terminal) {
    if (action !== 'new') throw new UsageError(`"${action}" is not something keys does`, 'did you mean "new"?');
    if (!/^[\w.-]+$/.test(tenant)) throw new UsageError(`"${tenant}" cannot be the name of a tenant`);
    const { key, hash } = newKey();
    if (flags.json) terminal.out(`${JSON.stringify({ tenant, key, hash })}\n`);
    else terminal.out(paste(tenant, key, hash));
    return 0;
  },
};

function paste(tenant: string, key: string, hash: string): string {
  return `Key of ${tenant}, shown this once:

  ${key}

In routes.yaml, beside the old key until every client has changed:

tenants:
  ${tenant}:
    keys: ["${hash}"]
`;
}
