// Whether somebody else's code takes part in a response: middleware, an embedder's app, what watches over all responses of the process.
import { OutgoingMessage, type ServerResponse } from 'node:http';

/** As they are before anybody puts others in their place for the whole process. */
const NODES_WRITE: unknown = Reflect.get(OutgoingMessage.prototype, 'write');
const NODES_END: unknown = Reflect.get(OutgoingMessage.prototype, 'end');

/** What is written goes to somebody else before the socket: they say of each piece whether they can take more, so none is held back for them. */
export function isWrapped(res: ServerResponse): boolean {
  return res.write !== NODES_WRITE;
}

/** Somebody else ends it, or listens to how it ends. Node itself listens to `finish`, and the gateway to `close`. */
export function isWatched(res: ServerResponse): boolean {
  return (
    res.end !== NODES_END ||
    res.listenerCount('prefinish') > 0 ||
    res.listenerCount('finish') > 1 ||
    res.listenerCount('close') > 1
  );
}
