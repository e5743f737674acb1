// A request body that the gateway has made: all of it is there before anybody asks.
import type { RequestBody } from '../../exchange/request-body.ts';

const EMPTY = Buffer.alloc(0);

export class FixedBody implements RequestBody {
  /** Empty for none; set before the call begins. */
  bytes: Buffer = EMPTY;
  readonly replayable = true;
  readonly complete = true;
  readonly completedAt = 0;
  readonly movedAt = 0;
  readonly overdueAt = Number.POSITIVE_INFINITY;
  /** Nothing of it came from the client. */
  readonly received = 0;
  readonly heldBack = false;
  readonly failure = undefined;

  get present(): boolean {
    return this.bytes.length > 0;
  }

  get length(): number | undefined {
    return this.present ? this.bytes.length : undefined;
  }

  limit(): void {}
  follow(): void {}
  release(): void {}

  collect(): Promise<Buffer> {
    return Promise.resolve(this.bytes);
  }

  open(): Buffer | null {
    return this.present ? this.bytes : null;
  }
}
