// Whether what was written to the connection to a target is out: its memory may then be given back.
import type { Socket } from 'node:net';
import type { Outlet } from '../exchange/request-body.ts';

export class Passage implements Outlet {
  #socket: Socket | undefined = undefined;

  serve(socket: Socket): void {
    this.#socket = socket;
  }

  get sent(): boolean {
    return this.#socket?.writableLength === 0;
  }
}
