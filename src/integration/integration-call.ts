// A call to a third party: the loop of attempts, each of which first waits for its turn, and brings a whole answer.
import type { Exchange } from '../exchange/exchange.ts';
import type { Problem } from '../exchange/problem.ts';
import { type Attempt, Call } from '../resilience/call.ts';
import type { CallFailure } from '../resilience/call-failure.ts';
import { isIdempotent } from '../resilience/idempotent.ts';
import type { AttemptResult, Failure } from '../resilience/outcome.ts';
import { retryAfterMs } from '../resilience/retry-after.ts';
import type { PaceRefusal } from '../telemetry/integration-metrics.ts';
import type { Tenant } from '../tenant/tenants.ts';
import { answerFailure, answerNothing } from '../upstream/failure.ts';
import type { AnswerTerms } from '../upstream/terms.ts';
import { ClientError, type VendorAnswer, type VendorRequest } from './client/client.ts';
import { CredentialsError } from './credentials/index.ts';
import type { Integration } from './integration.ts';
import type { Pacer, Waiter } from './pace/pacer.ts';
import * as problems from './problems.ts';

/** What the calls of one route to an integration have in common; resolved at load. */
export interface IntegrationTerms extends AnswerTerms {
  readonly integration: Integration;
}

const PRIORITY_UNSAID = 5;
const RETRY_SOON_S = 1;
const NO_TOKEN_IN_TIME = new CredentialsError('token_endpoint_unreachable', 'no token in time');
const GIVEN_UP: Failure = { kind: 'aborted', result: 'aborted', unsent: false };

export class IntegrationCall extends Call<IntegrationTerms> implements Waiter {
  readonly tenant: string;
  readonly priority: number;
  readonly #request: VendorRequest;
  readonly #statusOf: (answer: VendorAnswer) => number;
  readonly #answered: (answer: VendorAnswer) => void;
  readonly #pacer: Pacer | undefined;
  /** It has a place among those in flight. */
  #holdsTurn = false;
  /** Status that the attempt under way was answered with; 0 without an answer. */
  #status = 0;
  #credentialsError: CredentialsError | undefined = undefined;

  /**
   * @param statusOf what an answer counts as: a fault of the caller's may come with the status of an outage.
   * @param answered told once, of the answer that counts; without one, the client has been told.
   */
  constructor(
    x: Exchange,
    terms: IntegrationTerms,
    request: VendorRequest,
    statusOf: (answer: VendorAnswer) => number,
    answered: (answer: VendorAnswer) => void,
  ) {
    super(x, terms);
    this.tenant = x.tenant?.id ?? '';
    this.priority = x.tenant?.plan?.priority ?? PRIORITY_UNSAID;
    this.#request = request;
    this.#statusOf = statusOf;
    this.#answered = answered;
    this.#pacer = terms.integration.pacerOf(x.tenant);
  }

  /** Who calls; undefined on an open route. */
  get caller(): Tenant | undefined {
    return this.x.tenant;
  }

  start(): void {
    this.x.upstream = this.terms.integration.name;
    this.begin();
  }

  /** The exchange is over: gives back what it held. Idempotent. */
  finish(): void {
    this.abandon();
    this.#leave();
  }

  protected override ready(): boolean {
    // With an open breaker it would wait for its turn only to be refused then.
    if (this.#pacer === undefined || this.terms.breaker?.state === 'open') return true;
    // An attempt that got no connection leaves its turn to the one that follows at once.
    if (this.#holdsTurn) return true;
    this.#holdsTurn = this.#pacer.enter(this);
    return this.#holdsTurn;
  }

  /** @internal the pacer: its turn has come. */
  go(): void {
    this.#holdsTurn = true;
    this.proceed();
  }

  /** @internal the pacer: it gets no turn. */
  refused(why: PaceRefusal, retryAfterS: number): void {
    const { x, terms } = this;
    this.end();
    this.waited(performance.now());
    const { name } = terms.integration;
    const problem =
      why === 'queue_full'
        ? x.refuse(problems.QUEUE_FULL, `as many calls wait for ${name} as may`, retryAfterS)
        : x.refuse(problems.WAIT_TOO_LONG, `${name} grants the next call too late`, retryAfterS);
    answerNothing(x, problem, terms);
  }

  protected override next(unreached: boolean): Attempt | undefined {
    // There is no other place to ask.
    if (unreached) return undefined;
    this.#status = 0;
    return new VendorAttempt(this, this.terms.integration, this.#request);
  }

  /** A 429 says that nothing was done. */
  protected override repeatable(): boolean {
    return this.#status === 429 || isIdempotent(this.#request.method);
  }

  protected override released(): void {
    if (!this.#holdsTurn) return;
    this.#holdsTurn = false;
    this.#pacer?.done();
  }

  protected override judged(_result: AttemptResult, why: string): void {
    if (why !== '') this.terms.integration.remember(why);
  }

  protected override failed(failure: CallFailure): void {
    const { x, terms } = this;
    this.#leave();
    // Only an attempt that waits for its credentials stands in line.
    const error = failure.kind === 'busy' ? NO_TOKEN_IN_TIME : this.#credentialsError;
    if (error === undefined) return answerFailure(x, failure, terms);
    x.error = error.message;
    x.reply.refuse(this.#credentialsProblem(error));
  }

  #credentialsProblem({ code, retryAfterMs: waitMs }: CredentialsError): Problem {
    const { x, terms } = this;
    const { name } = terms.integration;
    return code === 'no_credentials'
      ? x.refuse(problems.NO_CREDENTIALS, `${this.tenant || 'a request without a tenant'} has no account with ${name}`)
      : x.refuse(problems.CREDENTIALS, `${name} gave no token`, Math.ceil(waitMs / 1000) || RETRY_SOON_S);
  }

  /** @internal the attempt: a whole answer. */
  onAnswer(answer: VendorAnswer): void {
    const { x, terms } = this;
    const { status, headers } = answer;
    this.#pacer?.observe(status, headers);
    if (status === 401 && terms.integration.credentials.rejected(this.#request, x.tenant)) return this.again();
    this.#status = status;
    if (!this.head(this.#statusOf(answer), () => retryAfterMs(headers.get('retry-after') ?? '') ?? 0)) return;
    this.end();
    this.#leave();
    this.#answered(answer);
  }

  /** @internal the attempt: no answer. */
  onFailed(error: ClientError | CredentialsError): void {
    if (error instanceof ClientError) return this.attemptFailed(error.failure, error.message);
    this.#credentialsError = error;
    // That is no failure of the third party's API.
    this.attemptFailed(GIVEN_UP, error.message);
  }

  #leave(): void {
    this.#pacer?.leave(this);
    this.released();
  }
}

/** One try: credentials are put on it last, then it is sent. */
class VendorAttempt implements Attempt {
  readonly target: string;
  /** For credentials: nothing has been sent, and the third party is not to blame. */
  waits = false;
  readonly #call: IntegrationCall;
  readonly #integration: Integration;
  readonly #request: VendorRequest;
  readonly #abort = new AbortController();

  constructor(call: IntegrationCall, integration: Integration, request: VendorRequest) {
    this.target = integration.target;
    this.#call = call;
    this.#integration = integration;
    this.#request = request;
  }

  send(): void {
    this.#exchange().then(
      (answer) => {
        if (!this.#abort.signal.aborted) this.#call.onAnswer(answer);
      },
      (error: unknown) => {
        if (this.#abort.signal.aborted) return;
        if (error instanceof ClientError || error instanceof CredentialsError) return this.#call.onFailed(error);
        throw error;
      },
    );
  }

  cancel(): void {
    this.#abort.abort();
  }

  async #exchange(): Promise<VendorAnswer> {
    const { credentials, client } = this.#integration;
    const { signal } = this.#abort;
    const applied = credentials.apply(this.#request, this.#call.caller, signal);
    if (applied !== undefined) {
      this.waits = true;
      await applied;
      this.waits = false;
    }
    return client.send(this.#request, signal);
  }
}
