// What the gateway trusts and presents when it calls an https target: read from PEM files or text, and again when they change.
import { X509Certificate } from 'node:crypto';
import { unwatchFile, watchFile } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { readNamedFileSync } from '../named-file.ts';
import type { TlsSettings } from './settings.ts';

const POLL_MS = 1_000;
const PEM = '-----BEGIN ';
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

interface Material {
  readonly context: SecureContext;
  readonly expiresAtMs: number | undefined;
}

/** One upstream's TLS settings, ready to connect with. */
export class TlsSource {
  /** The name to ask for and to verify; undefined: the target's own host. */
  readonly servername: string | undefined;
  readonly #settings: TlsSettings;
  readonly #folder: string;
  readonly #files: readonly string[];
  #material: Material;
  #stop: (() => void) | undefined = undefined;

  /**
   * @param folder what relative paths are relative to.
   * @throws Error naming the file and what is wrong with it: there is no start without valid material.
   */
  constructor(settings: TlsSettings, folder: string) {
    this.servername = settings.servername;
    this.#settings = settings;
    this.#folder = folder;
    this.#files = [settings.ca, settings.cert, settings.key].flatMap((each) =>
      each === undefined || each.includes(PEM) ? [] : [resolve(folder, each)],
    );
    this.#material = this.#read();
  }

  get context(): SecureContext {
    return this.#material.context;
  }

  /** When the first of these certificates expires, in milliseconds since 1970; undefined when there is none. */
  get expiresAtMs(): number | undefined {
    return this.#material.expiresAtMs;
  }

  /**
   * Reads the files again when they change. Until what they hold is valid, as between the writing of a certificate and of its key,
   * the last good material stays.
   */
  watch(onChange: () => void, onError: (error: Error) => void): void {
    const reload = (): void => {
      try {
        this.#material = this.#read();
      } catch (error) {
        onError(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      onChange();
    };
    // By stat and not by inotify: it follows the symbolic links that Kubernetes swaps under a mounted secret.
    for (const file of this.#files) watchFile(file, { persistent: false, interval: POLL_MS }, reload);
    this.#stop = () => {
      for (const file of this.#files) unwatchFile(file, reload);
    };
  }

  close(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #read(): Material {
    const ca = this.#pem('ca');
    const cert = this.#pem('cert');
    const key = this.#pem('key');
    const context = createSecureContext({
      minVersion: 'TLSv1.2',
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    });
    const expiries = [ca, cert].flatMap((pem) => (pem === undefined ? [] : expiriesOf(pem)));
    return { context, expiresAtMs: expiries.length === 0 ? undefined : Math.min(...expiries) };
  }

  #pem(field: 'ca' | 'cert' | 'key'): string | undefined {
    const value = this.#settings[field];
    if (value === undefined) return undefined;
    if (value.includes(PEM)) return value;
    // What is left of a private key is not to be told as the path of a missing file.
    if (/[\r\n]/.test(value)) throw new Error(`tls ${field}: neither a path nor PEM text`);
    const file = resolve(this.#folder, value);
    const text = readNamedFileSync(file).toString();
    if (!text.includes(PEM)) throw new Error(`tls ${field}: ${file} is not PEM`);
    return text;
  }
}

function expiriesOf(pem: string): number[] {
  return (pem.match(CERTIFICATE) ?? []).map((each) => new X509Certificate(each).validToDate.getTime());
}
