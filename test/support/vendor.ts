// A third party for tests: an origin that answers by script, hands out tokens, and tells how it was called.
import type { ServerResponse } from 'node:http';
import type { CleanUp } from './clean-up.ts';
import { type Answer, answerOk, type Received, startOrigin } from './origin.ts';
import { eventually } from './wait.ts';

/** What the token endpoint asks for, and how long its tokens live. */
export interface VendorAccount {
  readonly id: string;
  readonly secret: string;
  /** `expires_in`; left out of the answer when undefined, and the token then lives for ever. */
  readonly expiresInS?: number;
}

export interface VendorOptions {
  /** Answers all calls; `index` counts calls only. 200 and a small document unless given. */
  readonly answer?: Answer;
  /** With it, calls need a token of {@link Vendor.tokenUrl}, and are 401 without. */
  readonly account?: VendorAccount;
}

export interface Vendor {
  /** Without a path: whatever follows is a call, but for the token endpoint. */
  readonly url: string;
  readonly port: number;
  readonly tokenUrl: string;
  /** Completely received calls, oldest first: with a wrong token, too, but not those for a token. */
  readonly calls: readonly Received[];
  /** Most calls that were in flight at once, each from its last byte to the end of its answer, or of its connection when that was raw. */
  readonly mostInFlight: number;
  /** Requests for a token, refused ones included. */
  readonly tokenRequests: readonly Received[];
  /** Resolves with the call of that index once it is complete. */
  call(index: number): Promise<Received>;
  /** Changes how later calls are answered; `index` goes on counting. */
  answer(next: Answer): void;
  /** No token given out so far is good any more. */
  revokeTokens(): void;
  /** Stops listening and cuts every connection. */
  stop(): Promise<void>;
}

const TOKEN_PATH = '/token';

/** Starts one on a free loopback port. */
export async function startVendor(t: CleanUp, options: VendorOptions = {}): Promise<Vendor> {
  const { account } = options;
  const calls: Received[] = [];
  const tokenRequests: Received[] = [];
  const tokens = new Map<string, number>();
  let current = options.answer ?? answerOk;
  let inFlight = 0;
  let mostInFlight = 0;

  const origin = await startOrigin(t, (request, response) => {
    if (account !== undefined && request.url === TOKEN_PATH) {
      tokenRequests.push(request);
      return giveToken(request, response, account, tokens, `token-${tokenRequests.length}`);
    }
    const index = calls.push(request) - 1;
    mostInFlight = Math.max(mostInFlight, ++inFlight);
    response.on('close', () => inFlight--);
    if (account !== undefined && !isKnown(request, tokens)) {
      response.setHeader('www-authenticate', 'Bearer error="invalid_token"');
      return answerJson({ error: 'invalid_token' }, 401)(request, response, index);
    }
    return current(request, response, index);
  });

  return {
    url: origin.url,
    port: origin.port,
    tokenUrl: origin.url + TOKEN_PATH,
    calls,
    tokenRequests,
    get mostInFlight() {
      return mostInFlight;
    },
    call: (index) => eventually(() => calls[index], `call ${index} at the vendor`),
    answer(next) {
      current = next;
    },
    revokeTokens: () => tokens.clear(),
    stop: () => origin.stop(),
  };
}

/** RFC 6749 §4.4.2, the client by Basic or in the body (§2.3.1). */
function giveToken(
  request: Received,
  response: ServerResponse,
  account: VendorAccount,
  tokens: Map<string, number>,
  token: string,
): void {
  const form = new URLSearchParams(request.body.toString());
  const basic = request.header('authorization')?.replace(/^Basic /, '') ?? '';
  const [id, secret] =
    basic === ''
      ? [form.get('client_id'), form.get('client_secret')]
      : Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent);
  const isRight = id === account.id && secret === account.secret;
  const said = (status: number, value: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    response.end(JSON.stringify(value));
  };
  if (!isRight) return said(401, { error: 'invalid_client' });
  if (form.get('grant_type') !== 'client_credentials') return said(400, { error: 'unsupported_grant_type' });
  const { expiresInS } = account;
  tokens.set(token, performance.now() + (expiresInS ?? Number.POSITIVE_INFINITY) * 1000);
  return said(200, { access_token: token, token_type: 'Bearer', expires_in: expiresInS });
}

function isKnown(request: Received, tokens: ReadonlyMap<string, number>): boolean {
  const token = request.header('authorization')?.replace(/^Bearer /, '') ?? '';
  return (tokens.get(token) ?? 0) > performance.now();
}

/** JSON. */
export function answerJson(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Answer {
  return answerText('application/json', JSON.stringify(value), status, headers);
}

/** Text or bytes of any type: XML, HTML, what is not what it says. */
export function answerText(
  type: string,
  body: string | Uint8Array,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': type, ...headers });
    response.end(body);
  };
}

/** Bytes as they are, status line and all, and then the end of the connection. */
export function answerRaw(bytes: string | Uint8Array, ending: 'fin' | 'reset' = 'fin'): Answer {
  return (_request, { socket }) => {
    if (socket === null) return;
    if (ending === 'fin') socket.end(bytes);
    else socket.write(bytes, () => socket.resetAndDestroy());
  };
}

/** No answer at all: whoever called ends it. */
export const answerNever: Answer = () => {};

/** These in turn, the last one for ever; counted from its own first call. */
export function answersInTurn(...answers: readonly [Answer, ...Answer[]]): Answer {
  let next = 0;
  return (request, response, index) => {
    const answer = answers[Math.min(next++, answers.length - 1)] ?? answers[0];
    return answer(request, response, index);
  };
}

/** Keeps answers back until it is told to give them: what is in flight meanwhile can be counted. */
export class HeldAnswers {
  readonly answer: Answer;
  readonly #held: (() => void)[] = [];
  #free = 0;

  constructor(answer: Answer = answerOk) {
    this.answer = async (request, response, index) => {
      if (this.#free > 0) this.#free--;
      else await new Promise<void>((resolve) => this.#held.push(resolve));
      return answer(request, response, index);
    };
  }

  get size(): number {
    return this.#held.length;
  }

  /** Lets that many go, the oldest first: of those that come later, too. All and for ever unless told how many. */
  release(count = Number.POSITIVE_INFINITY): void {
    const now = this.#held.splice(0, count);
    this.#free += count - now.length;
    for (const go of now) go();
  }
}

/**
 * Most calls that arrived within any window of that length. Who is watched must have been awake: on a busy machine calls that
 * were spaced may be read together. A bound that holds there, too: `n` calls paced at `rate` take at least `(n - 1) / rate`
 * from the moment before the first was asked for to the arrival of the last.
 */
export function mostWithin(calls: readonly Received[], windowMs: number): number {
  let most = 0;
  let first = 0;
  for (const [last, { atMs }] of calls.entries()) {
    while (atMs - (calls[first]?.atMs ?? atMs) >= windowMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
