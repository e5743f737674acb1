// What is counted of one tenant.
import type { NumberFamily } from './families.ts';
import type { Counter } from './instruments.ts';

/** One tenant's requests by outcome. */
export class TenantMetrics {
  readonly #id: string;
  readonly #family: NumberFamily;
  readonly #ok: Counter;
  readonly #clientError: Counter;
  readonly #serverError: Counter;
  readonly #limited: Counter;

  constructor(id: string, family: NumberFamily) {
    this.#id = id;
    this.#family = family;
    this.#ok = family.cell(id, 'ok');
    this.#clientError = family.cell(id, 'client_error');
    this.#serverError = family.cell(id, 'server_error');
    this.#limited = family.cell(id, 'limited');
  }

  /** A request of this tenant has been answered; `cut`: its answer was cut off, whatever the status had promised. Only the gateway's own 429 is `limited`: an upstream's is its own affair. */
  finish(status: number, source: string, cut = false): void {
    if (cut) this.#serverError.value++;
    else if (status < 400) this.#ok.value++;
    else if (status === 429 && source === 'gateway') this.#limited.value++;
    else if (status < 500) this.#clientError.value++;
    else this.#serverError.value++;
  }

  remove(): void {
    this.#family.removeOwner(this.#id);
  }
}
