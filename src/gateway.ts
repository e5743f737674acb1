// The whole machine on one page: what happens to a request, from the client's socket to the last byte of its answer.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { admit, type EdgeSettings } from './edge/admission.ts';
import { RETRY_ELSEWHERE_S, TOO_MANY_CONNECTIONS } from './edge/capacity.ts';
import { ClientBody, hasBody, NO_BODY } from './edge/client-body.ts';
import { ClientReply, type ReplySettings } from './edge/client-reply.ts';
import { type Connection, connectionOf, occupy, vacate } from './edge/connection.ts';
import { answerHealth, answerOptions } from './edge/local-answers.ts';
import { isBusy, waitInLine } from './edge/pipelining.ts';
import { OVERLOADED, type Pressure } from './edge/pressure.ts';
import { Exchange } from './exchange/exchange.ts';
import type { LiveExchanges } from './exchange/live.ts';
import { crash } from './route/crash.ts';
import { locate } from './route/locate.ts';
import type { Snapshot } from './route/snapshot.ts';
import type { Recorder } from './telemetry/recorder.ts';

/** What requests are served from. Only `snapshot` changes while it runs: by a reload, in one assignment. */
export interface Machine {
  snapshot: Snapshot;
  readonly edge: EdgeSettings;
  readonly reply: ReplySettings;
  /** Path on the data plane that answers load balancers; '' for none. */
  readonly healthPath: string;
  readonly recorder: Recorder;
  readonly pressure: Pressure;
  /** Exchanges under way: for drain, and for ending what a reload forbids. */
  readonly live: LiveExchanges;
  /** Told each time an exchange has ended, while draining. */
  onIdle?: () => void;
}

/**
 * Serves one request: edge → route → policies → upstream → reply. Never throws; every request ends in {@link finish}. What
 * comes after the last answer of a connection is no request any more.
 */
export function serve(machine: Machine, req: IncomingMessage, res: ServerResponse, upgrading = false): void {
  const connection = connectionOf(req, machine.edge.isTrusted);
  if (connection.closing || !req.socket.writable) return void req.resume();
  if (isBusy(connection)) return serveLater(machine, req, res, connection);
  const x = open(machine, connection, req, res);
  x.upgrading = upgrading;
  try {
    const refusal = admit(x, connection, machine.edge, machine.snapshot.kinds);
    if (refusal !== undefined) x.reply.refuse(refusal);
    else if (x.path === machine.healthPath) answerHealth(x, !machine.reply.draining);
    else if (connection.seat?.surplus === true) x.reply.refuse(x.refuse(TOO_MANY_CONNECTIONS, '', RETRY_ELSEWHERE_S));
    else if (machine.pressure.shortOf !== undefined)
      x.reply.refuse(x.refuse(OVERLOADED, `the process is short of ${machine.pressure.shortOf}`, RETRY_ELSEWHERE_S));
    else if (x.method === 'OPTIONS' && answerOptions(x)) return;
    else pass(machine, x);
  } catch (error) {
    crash(x, error, machine.recorder.crash);
  }
}

/** A pipelined request: it has not begun before the one before it has ended. */
function serveLater(machine: Machine, req: IncomingMessage, res: ServerResponse, connection: Connection): void {
  waitInLine(connection, req.socket, () => {
    // What broke the connection is its body, which is never complete: the refusal behind it in the line is its answer.
    if (!connection.broken || req.complete) serve(machine, req, res);
  });
}

/** Finds the route and enters its policies; the last of them is followed by the call to the upstream. */
function pass(machine: Machine, x: Exchange): void {
  const route = locate(x, machine.snapshot);
  if ('code' in route) x.reply.refuse(route);
  else route.enter(x);
}

/** Begins an exchange on the snapshot of this moment: whatever is reloaded meanwhile, it ends as it began. */
function open(machine: Machine, connection: Connection, req: IncomingMessage, res: ServerResponse): Exchange {
  const x = new Exchange(req, res, hasBody(req) ? new ClientBody(req, res) : NO_BODY);
  x.reply = new ClientReply(x, machine.reply);
  const { snapshot } = machine;
  snapshot.enter();
  machine.live.add(x);
  occupy(connection, x);
  if (machine.reply.draining) res.shouldKeepAlive = false;
  res.on('close', () => finish(machine, snapshot, connection, x));
  return x;
}

/** The answer is out, or the client is gone: everything taken is given back, counted and logged, once. */
function finish(machine: Machine, snapshot: Snapshot, connection: Connection, x: Exchange): void {
  if (x.ended) return;
  x.ended = true;
  if (!x.res.writableFinished && x.reason === '') {
    x.aborted = true;
    x.reason = 'client_gone';
  }
  x.call?.finish();
  try {
    x.unwinding?.onEnd(x);
  } catch (error) {
    machine.recorder.crash(x, error);
  }
  machine.live.delete(x);
  vacate(connection);
  machine.recorder.record(x);
  snapshot.leave();
  machine.onIdle?.();
}
