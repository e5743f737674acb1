// The listener's certificate: read at start, read again when its files change, never replaced by one that does not work.
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { readNamedFileSync } from '../named-file.ts';

export interface CertificateFiles {
  /** PEM, the chain. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

/** Reads and proves a certificate. @throws Error when a file cannot be read or the key does not fit. */
export function readCertificate(files: CertificateFiles): Certificate {
  const cert = readNamedFileSync(files.cert);
  const key = readNamedFileSync(files.key);
  createSecureContext({ cert, key });
  return { cert, key, expiresAtMs: new X509Certificate(cert).validToDate.getTime() };
}
