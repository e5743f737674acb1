// How many client connections there may be, WebSockets included. One more takes the place of the one that has waited for a
// request for longest. While none waits it is told so at its first request, and closed unheard only when too many of those come
// at once.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { defineProblem } from '../exchange/problem.ts';

export const TOO_MANY_CONNECTIONS = defineProblem(
  'gateway.connections',
  503,
  'The gateway has all the connections it may have',
  'destination_unavailable',
  { closes: true },
);
export const RETRY_ELSEWHERE_S = 1;

/** Connections, beyond the limit, that wait to be told so. */
const TOLD_AT_ONCE = 100;

const kSeat: unique symbol = Symbol('sluice seat');

declare module 'node:net' {
  interface Socket {
    [kSeat]?: Seat;
  }
}

/** Counts the connections of a server that does not listen yet. */
export function limitConnections(server: Server, most: number): void {
  const waiting = new Waiting();
  let open = 0;
  server.maxConnections = most + TOLD_AT_ONCE;
  server.on('setSecureContext' in server ? 'secureConnection' : 'connection', (socket: Socket) => {
    open += 1;
    const surplus = open > most && !closeLongestWaiting(waiting, server);
    const seat = new Seat(socket, surplus, waiting);
    socket[kSeat] = seat;
    seat.free();
    socket.on('close', () => {
      open -= 1;
      seat.leave();
    });
  });
}

/** The seat of a connection; undefined when its server is not ours to limit. */
export function seatOf(socket: Socket): Seat | undefined {
  return socket[kSeat];
}

/** False when there is none. One that is not what it seems, as its server has other handlers beside ours, is passed over. */
function closeLongestWaiting(waiting: Waiting, server: Server): boolean {
  for (let seat = waiting.first; seat !== undefined; seat = waiting.first) {
    waiting.delete(seat);
    const { socket } = seat;
    // Between two requests Node has another timeout on it than during one.
    if (socket.bytesRead > 0 && (socket.timeout ?? 0) === server.timeout) continue;
    socket.destroy();
    return true;
  }
  return false;
}

/** What a connection is to the others of its server. */
export class Seat {
  readonly socket: Socket;
  /** There were enough before it, and none of them waited: its one request is refused, and it is closed. */
  readonly surplus: boolean;
  /** @internal its neighbours among those that wait. */
  before: Seat | undefined = undefined;
  after: Seat | undefined = undefined;
  readonly #waiting: Waiting;
  #left = false;

  constructor(socket: Socket, surplus: boolean, waiting: Waiting) {
    this.socket = socket;
    this.surplus = surplus;
    this.#waiting = waiting;
  }

  /** A request has come. */
  take(): void {
    this.#waiting.delete(this);
  }

  /** It waits for a request. */
  free(): void {
    if (!this.#left && !this.surplus) this.#waiting.add(this);
  }

  /** It is closed. */
  leave(): void {
    this.#left = true;
    this.#waiting.delete(this);
  }
}

/** Seats in the order in which they became free. Linked through the seats: a request costs a few assignments, and no memory. */
class Waiting {
  first: Seat | undefined = undefined;
  #last: Seat | undefined = undefined;

  add(seat: Seat): void {
    const last = this.#last;
    seat.before = last;
    if (last === undefined) this.first = seat;
    else last.after = seat;
    this.#last = seat;
  }

  /** Nothing happens to one that is not among them. */
  delete(seat: Seat): void {
    const { before, after } = seat;
    if (before !== undefined) before.after = after;
    else if (this.first === seat) this.first = after;
    if (after !== undefined) after.before = before;
    else if (this.#last === seat) this.#last = before;
    seat.before = undefined;
    seat.after = undefined;
  }
}
