// Single requests of the bench's own: to find something out, not to make load.
import { once } from 'node:events';
import { type Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** One connection each when left out. */
  readonly agent?: Agent;
}

export async function ask(
  port: number,
  path: string,
  { headers = {}, agent }: AskOptions = {},
): Promise<{ readonly status: number; readonly body: string }> {
  const outgoing = request({ host: '127.0.0.1', port, path, headers, agent: agent ?? false }).end();
  const [response]: IncomingMessage[] = await once(outgoing, 'response');
  if (response === undefined) throw new Error(`${path}: no answer`);
  return { status: response.statusCode ?? 0, body: await text(response) };
}
