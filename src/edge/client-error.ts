// Requests that never become one: Node's parser has refused them, so the answer is written on the socket itself.
import { IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Exchange } from '../exchange/exchange.ts';
import type { Problem } from '../exchange/problem.ts';
import { NO_BODY } from './client-body.ts';
import { knownConnection, peerOf } from './connection.ts';
import { uuidv7 } from './ids.ts';
import { lingerOnClose } from './linger.ts';
import { isBusy, waitInLine } from './pipelining.ts';
import { problemDocument, proxyStatus } from './problem-document.ts';
import * as problems from './problems.ts';
import { SERVED_METHODS } from './served-methods.ts';

export interface ClientErrorSettings {
  readonly problemBase: string;
  readonly urlBytes: number;
  readonly headerBytes: number;
  /** Counts and logs the exchange that never was. */
  readonly record: (x: Exchange) => void;
}

/** Answers what Node's parser refused, or what came too slowly, and closes the connection. */
export function answerClientError(error: Error, socket: Socket, settings: ClientErrorSettings): void {
  const refusal = refusalOf(error, socket, settings);
  const x = knownConnection(socket)?.exchange;
  if (refusal === undefined) {
    socket.destroy();
  } else if (x !== undefined && !x.ended && !x.req.complete) {
    // The fault is in the body of a request that is being served.
    x.reply.refuse(x.refuse(refusal.problem, refusal.detail));
  } else {
    answerInTurn(socket, refusal, settings);
  }
}

/** CONNECT asks for a tunnel, which this gateway never is. */
export function answerConnect(socket: Socket, settings: ClientErrorSettings): void {
  // Node has let go of the socket, and with it of its errors: one without a listener would end the process.
  socket.on('error', () => {});
  const refusal = { problem: problems.METHOD_REFUSED, detail: 'CONNECT is not served by this gateway' };
  answerInTurn(socket, refusal, settings, `Allow: ${SERVED_METHODS}\r\n`);
}

/** Answers after the requests before it on the connection: out of turn, the answer would be taken for theirs. */
function answerInTurn(socket: Socket, refusal: Refusal, settings: ClientErrorSettings, headers = ''): void {
  const connection = knownConnection(socket);
  // Whatever else comes while the connection closes: the parser stays broken, and complains about every packet.
  if (socket.writableEnded || connection?.broken) return;
  if (connection !== undefined) connection.broken = true;
  if (connection === undefined || !isBusy(connection)) answerRaw(socket, refusal, settings, headers);
  else waitInLine(connection, socket, () => answerRaw(socket, refusal, settings, headers));
}

/** Answers with a problem on a bare socket, logs it and closes. */
function answerRaw(socket: Socket, { problem, detail }: Refusal, settings: ClientErrorSettings, headers: string): void {
  if (!socket.writable || knownConnection(socket)?.closing) return;
  const req = new IncomingMessage(socket);
  const x = new Exchange(req, new ServerResponse(req), NO_BODY);
  x.requestId = uuidv7();
  x.method = '_OTHER';
  x.clientAddress = peerOf(socket);
  x.problem = x.refuse(problem, detail);
  x.status = problem.status;
  x.reason = problem.code;
  const body = problemDocument(x, problem, settings.problemBase);
  x.bytesOut = Buffer.byteLength(body);
  settings.record(x);
  lingerOnClose(socket);
  socket.write(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${x.bytesOut}\r\nProxy-Status: ${proxyStatus(problem)}\r\nX-Request-Id: ${x.requestId}\r\n` +
      `Date: ${new Date().toUTCString()}\r\n${headers}Connection: close\r\n\r\n${body}`,
  );
  socket.destroySoon();
}

interface Refusal {
  readonly problem: Problem;
  readonly detail: string;
}

/** Undefined: nobody is there to be answered. */
function refusalOf(error: Error, socket: Socket, settings: ClientErrorSettings): Refusal | undefined {
  const { urlBytes, headerBytes } = settings;
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'HPE_HEADER_OVERFLOW') {
    if (isLongRequestLine(error, urlBytes))
      return { problem: problems.URL_TOO_LONG, detail: `a URL may have at most ${urlBytes} bytes` };
    return { problem: problems.HEADERS_TOO_LARGE, detail: `a header section may have at most ${headerBytes} bytes` };
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    // Opened ahead of need, or to see whether the port answers.
    if (socket.bytesRead === 0) return undefined;
    return { problem: problems.HEADER_TIMEOUT, detail: 'the header section was not complete in time' };
  }
  // The client has ended in the middle of a request body: it gave up.
  if (code === 'HPE_INVALID_EOF_STATE' && knownConnection(socket)?.exchange?.req.complete === false) return undefined;
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return { problem: problems.FRAMING, detail: 'the chunk extensions are too long' };
  if (!code.startsWith('HPE_')) return undefined;
  const problem = FRAMING_CODES.has(code) ? problems.FRAMING : problems.MALFORMED;
  return { problem, detail: `not valid HTTP: ${reasonOf(error)}` };
}

/** What llhttp says of a message whose end is in doubt. */
const FRAMING_CODES: ReadonlySet<string> = new Set([
  'HPE_INVALID_CONTENT_LENGTH',
  'HPE_UNEXPECTED_CONTENT_LENGTH',
  'HPE_INVALID_TRANSFER_ENCODING',
  'HPE_INVALID_CHUNK_SIZE',
]);

function reasonOf(error: Error): string {
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
}

/** The parser only says that the section was too long; whether it was the URL shows in what it had read last. */
function isLongRequestLine(error: Error, urlBytes: number): boolean {
  if (!('rawPacket' in error) || !Buffer.isBuffer(error.rawPacket)) return false;
  const end = error.rawPacket.indexOf('\n');
  return /^[A-Z]+ \S/.test(error.rawPacket.toString('latin1', 0, 32)) && (end < 0 || end > urlBytes);
}
