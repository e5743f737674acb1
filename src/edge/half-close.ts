// A client that has ended its half of the connection may have left, or may just have nothing more to say: TCP says the same of
// both. What is written next tells them apart, as a closed socket sends it back with a reset.
import type { Socket } from 'node:net';
import type { Exchange } from '../exchange/exchange.ts';

/** From the end of the client's half. The first finds a closed socket, which the one after it then knows of. */
const ASK_AT_MS = [40, 80, 400] as const;

/** Finds out whether the client of an exchange under way has left, once it has ended its half. */
export function askWhetherLeft(socket: Socket, x: Exchange): void {
  for (const ms of ASK_AT_MS) setTimeout(ask, ms, socket, x, socket.bytesWritten).unref();
}

function ask(socket: Socket, x: Exchange, bytesBefore: number): void {
  if (x.ended || x.upgrading) return;
  // An interim response: every client of HTTP/1.1 passes over it (RFC 9110 §15.2).
  if (!x.reply.started) {
    if (x.req.httpVersionMinor > 0) x.res.writeProcessing();
    return;
  }
  // What was answered in this round goes out at its end.
  setImmediate(closeSilent, socket, x, bytesBefore);
}

/** Nothing can be put into an answer. One that moves has its reader; silent ones are read by who stays connected both ways. */
function closeSilent(socket: Socket, x: Exchange, bytesBefore: number): void {
  if (x.ended) return;
  if (socket.bytesWritten === bytesBefore && socket.writableLength === 0) socket.destroy();
}
