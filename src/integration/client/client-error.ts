// Why a third party gave no answer. It holds words and nothing else: no request, no header, no byte of an answer.
import type { Failure } from '../../resilience/outcome.ts';

/** A call without an answer. Its message is for the log and names no secret. */
export class ClientError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure, message: string) {
    super(message);
    this.name = 'ClientError';
    this.failure = failure;
  }
}
