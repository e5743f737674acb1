// The vendor's front door. Shut, it refuses connections: that is what a vendor looks like that is down.
import { once } from 'node:events';
import type { Server } from 'node:http';

export class Door {
  readonly #server: Server;
  readonly #port: number;

  constructor(server: Server, port: number) {
    this.#server = server;
    this.#port = port;
  }

  get isOpen(): boolean {
    return this.#server.listening;
  }

  async open(): Promise<void> {
    if (this.isOpen) return;
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    console.log(`vendor listens on 127.0.0.1:${this.#port}`);
  }

  /** Calls under way are cut off. */
  async shut(): Promise<void> {
    if (!this.isOpen) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}
