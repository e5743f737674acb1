// An upstream that misbehaves on purpose: it writes scripted bytes, stalls, ends early or resets.
import { createServer, type Socket } from 'node:net';
import type { CleanUp } from './clean-up.ts';
import { listenOnLoopback } from './ports.ts';
import { eventually, within } from './wait.ts';

/** One connection that reached the origin. */
export class RawConnection {
  readonly socket: Socket;
  /** Counts from 0. */
  readonly index: number;
  /** Everything the other side has sent so far. */
  received: Buffer = Buffer.alloc(0);
  /** Settles when the other side has gone. */
  readonly closed: Promise<void>;
  #change = Promise.withResolvers<void>();

  constructor(socket: Socket, index: number) {
    this.socket = socket;
    this.index = index;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.#changed();
    });
    socket.on('error', () => {}); // a reset is one of the things that happen here; 'close' follows
    socket.on('close', () => {
      resolve();
      this.#changed();
    });
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }

  /** Resolves when `count` request heads (their blank lines) have arrived; false when the connection closed before. */
  heads(count = 1): Promise<boolean> {
    return this.until((bytes) => bytes.split('\r\n\r\n').length > count);
  }

  /** Resolves when what has arrived is enough; false when the connection closed before. */
  async until(isEnough: (received: string) => boolean): Promise<boolean> {
    for (;;) {
      if (isEnough(this.received.toString('latin1'))) return true;
      if (this.socket.destroyed) return false;
      await this.#change.promise;
    }
  }

  write(bytes: string | Uint8Array): this {
    this.socket.write(bytes);
    return this;
  }

  /** An orderly end (FIN), after what was written. */
  end(): void {
    this.socket.end();
  }

  /** A reset (RST), once what was written is on its way. */
  reset(): void {
    this.socket.write('', () => this.socket.resetAndDestroy());
  }
}

/** What happens on a connection; runs as soon as it is accepted. */
export type Script = (connection: RawConnection) => void | Promise<void>;

export interface RawOrigin {
  /** What happens on later connections. */
  script: Script;
  readonly url: string;
  readonly port: number;
  /** In the order they were accepted. */
  readonly connections: readonly RawConnection[];
  /** Resolves with the connection of that index. */
  connection(index: number): Promise<RawConnection>;
  /** Resolves with the first connection from now on. */
  next(): Promise<RawConnection>;
  /** Resolves when nobody is connected any more. */
  idle(timeoutMs?: number): Promise<void>;
}

/** Starts a scripted origin on a free loopback port; without a script it accepts, and leaves it at that. */
export async function startRawOrigin(t: CleanUp, script: Script = () => {}): Promise<RawOrigin> {
  const connections: RawConnection[] = [];
  const failures: unknown[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    const connection = new RawConnection(socket, connections.length);
    connections.push(connection);
    run(origin.script, connection).catch((error: unknown) => failures.push(error));
  });
  const port = await listenOnLoopback(server);
  t.after(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const { socket } of connections) socket.destroy();
    await closed;
    if (failures.length > 0) throw new AggregateError(failures, 'the script of a raw origin failed');
  });
  const connection = (index: number): Promise<RawConnection> =>
    eventually(() => connections[index], `connection ${index} at the raw origin`);
  const origin: RawOrigin = {
    script,
    url: `http://127.0.0.1:${port}`,
    port,
    connections,
    connection,
    next: () => connection(connections.length),
    async idle(timeoutMs) {
      await within(Promise.all(connections.map(({ closed }) => closed)), 'idle raw origin', timeoutMs);
    },
  };
  return origin;
}

async function run(script: Script, connection: RawConnection): Promise<void> {
  await script(connection);
}

/** A script that waits for one request and then answers every one of the connection with the same bytes. */
export function replying(bytes: string | Uint8Array): Script {
  return async (connection) => {
    for (let heads = 1; await connection.heads(heads); heads++) connection.write(bytes);
  };
}
