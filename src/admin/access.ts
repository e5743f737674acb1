// Who may read the admin app: the holder of its token, or, when there is none, whoever is on this machine.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import ipaddr from 'ipaddr.js';
import { foreignHost, unauthorized } from './problems.ts';
import type { SendProblem } from './reply.ts';

/** Lets a request through, or refuses it. `token` undefined: the app is on loopback, where reading needs none. */
export function requireAccess(token: string | undefined, refuse: SendProblem): RequestHandler {
  return token === undefined ? requireLoopbackHost(refuse) : requireToken(token, refuse);
}

/** `Authorization: Bearer TOKEN` (RFC 6750 §2.1), compared by hash so that neither content nor length shows in the time. */
function requireToken(token: string, refuse: SendProblem): RequestHandler {
  const expected = sha256(token);
  return (req, res, next) => {
    const [, presented] = /^Bearer +(\S+) *$/i.exec(req.headers.authorization ?? '') ?? [];
    if (presented !== undefined && timingSafeEqual(sha256(presented), expected)) {
      next();
      return;
    }
    res.setHeader('WWW-Authenticate', 'Bearer realm="sluice admin"');
    refuse(res, unauthorized, 'Send the admin token as Authorization: Bearer TOKEN.');
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** A web page whose name is made to resolve to 127.0.0.1 (DNS rebinding) still sends its own name. */
function requireLoopbackHost(refuse: SendProblem): RequestHandler {
  return (req, res, next) => {
    if (isLoopbackName(hostName(req.headers.host ?? ''))) next();
    else refuse(res, foreignHost, 'Ask as localhost or by loopback address, or set admin.token.');
  };
}

function hostName(authority: string): string {
  return authority
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
}

function isLoopbackName(name: string): boolean {
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return ipaddr.isValid(name) && ipaddr.process(name).range() === 'loopback';
}
