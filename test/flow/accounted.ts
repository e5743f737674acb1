// A gateway in front of a third party that knows us, for the tests of this folder; and a look at all that it says.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type AskOptions, Callers } from '../support/callers.ts';
import type { CleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import type { RawResponse } from '../support/raw.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const execute = promisify(execFile);

export const RATES = { match: '/rates', to: 'carrier', auth: 'none' };

export class Accounted {
  readonly gateway: RunningGateway;
  readonly observed: Observed;
  readonly #callers: Callers;
  readonly #env: Readonly<Record<string, string>>;
  readonly #said: string[] = [];

  constructor(t: CleanUp, gateway: RunningGateway, env: Readonly<Record<string, string>>) {
    this.gateway = gateway;
    this.observed = new Observed(gateway);
    this.#callers = new Callers(t, gateway);
    this.#env = env;
  }

  async ask(path: string, options?: AskOptions): Promise<RawResponse> {
    const answer = await this.#callers.ask(path, options).answer;
    this.#said.push(`${answer.rawHeaders.join('|')} ${answer.body.toString()}`);
    return answer;
  }

  async statuses(count: number, path: string): Promise<ReadonlySet<number>> {
    const answers = await Promise.all(Array.from({ length: count }, () => this.ask(path)));
    return new Set(answers.map(({ status }) => status));
  }

  async reload(routes: Readonly<Record<string, unknown>>): Promise<void> {
    const mark = this.gateway.log.lines.length;
    await this.gateway.process.writeRoutes(routes);
    await this.gateway.log.until(({ event }) => event === 'config_reloaded', mark);
  }

  events(name: string): readonly string[] {
    return this.gateway.log.lines.filter(({ event }) => event === name).map((line) => JSON.stringify(line));
  }

  /** Nothing that anybody can read of the gateway holds one of these: as it is, encoded, or inside of Basic. */
  async assertSecret(secrets: readonly string[], route = 'rates'): Promise<void> {
    await this.observed.atRest();
    const said = [...this.#said, this.gateway.process.stderr, JSON.stringify(this.gateway.log.lines)];
    for (const path of ['/metrics', '/api/config', '/api/status', '/readyz?verbose', '/']) {
      const answer = await fetch(this.gateway.adminUrl + path, { headers: { connection: 'close' } });
      said.push(await answer.text());
    }
    const { directory } = this.gateway.process;
    const command = async (...words: readonly string[]): Promise<void> => {
      const { stdout, stderr } = await execute(
        process.execPath,
        [MAIN, ...words, '--routes', join(directory, 'routes.yaml'), '--config', join(directory, 'gateway.yaml')],
        { env: { PATH: process.env['PATH'], ...this.#env } },
      );
      said.push(stdout, stderr);
    };
    await command('explain', route);
    await command('explain', route, '--json');
    await command('check');
    assert.ok(
      said.some((text) => text.includes('"carrier"')),
      'the integration itself is shown',
    );
    for (const secret of secrets) {
      const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
      for (const form of forms) assert.deepEqual(leaks(said, form), []);
    }
  }
}

function leaks(said: readonly string[], secret: string): readonly string[] {
  return said.flatMap((text) => {
    const at = text.indexOf(secret);
    return at < 0 ? [] : [text.slice(Math.max(0, at - 200), at + 50)];
  });
}

export interface Setting {
  readonly integration: Readonly<Record<string, unknown>>;
  readonly more?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

export const routesOf = ({ integration, more }: Setting): Readonly<Record<string, unknown>> => ({
  version: 1,
  integrations: { carrier: integration },
  routes: { rates: RATES },
  ...more,
});

export async function open(t: CleanUp, setting: Setting): Promise<Accounted> {
  const { env = {} } = setting;
  return new Accounted(t, await startGateway(t, { routes: routesOf(setting), env }), env);
}
