// Throw-away certificates, made by the openssl of the machine.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CleanUp } from '../support/clean-up.ts';
import { temporaryDirectory } from '../support/files.ts';

export interface Issued {
  /** PEM text. */
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Issued {
  /** A certificate for 127.0.0.1 and `name`, valid for 30 days unless told otherwise; a negative number has expired. */
  issue(name: string, options?: { readonly days?: number }): Issued;
}

export async function createAuthority(t: CleanUp): Promise<Authority> {
  const folder = await temporaryDirectory(t);
  const file = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const keyOptions = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...keyOptions,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '30',
    '-subj',
    '/CN=test authority',
  );
  const read = (name: string): Issued => ({
    cert: readFileSync(file(`${name}.pem`), 'utf8'),
    key: readFileSync(file(`${name}.key`), 'utf8'),
  });
  return {
    ...read('ca'),
    issue(name, { days = 30 } = {}) {
      const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`];
      openssl('req', ...keyOptions, ...request, '-addext', `subjectAltName=DNS:${name},IP:127.0.0.1`);
      const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-copy_extensions', 'copy'];
      openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, '-days', String(days), ...signer);
      return read(name);
    },
  };
}
