// A throw-away certificate for 127.0.0.1, made by the openssl of the machine.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Tls } from './peers/peer.ts';

const made = new Map<string, Promise<Tls>>();

/** The one of this directory; made when it is first asked for. */
export function certificateIn(directory: string): Promise<Tls> {
  const known = made.get(directory) ?? make(directory);
  made.set(directory, known);
  return known;
}

async function make(directory: string): Promise<Tls> {
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await promisify(execFile)('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert]).catch(
    (cause: unknown) => {
      throw new Error('no certificate could be made: is openssl installed? (apt-get install openssl)', { cause });
    },
  );
  return { cert, key };
}
