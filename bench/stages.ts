// A CPU profile by the stages of a request: every sample belongs to the nearest frame of code that has a stage.

/** What `node --cpu-prof` writes. Times are µs of the machine's monotonic clock. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children?: readonly number[];
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  /** From 0. */
  readonly lineNumber: number;
}

/** The stages in the order of a request, with what they consist of. */
export const STAGES = {
  edge: 'the one Express handler, admission, IDs, the exchange',
  match: 'path and method to route, its pipeline',
  auth: 'key to tenant',
  limit: 'GCRA of plan and route',
  policies: 'other policies, JSON Schema',
  breaker: 'breaker, deadline, retry, the loop of attempts',
  dispatch: 'target, headers, undici, the socket to the upstream',
  integration: 'third parties: mapping, credentials, pace, axios',
  reply: 'answer headers, writes to the client’s socket',
  metrics: 'counters and histograms, resolved at load',
  log: 'access log',
  node: 'Node’s HTTP server, streams, timers, where no code of ours is below',
  outside: 'outside JavaScript: reads from sockets, epoll, HTTP parser, kernel',
  gc: 'garbage collection',
  other: 'files, reload, admin',
} as const;

export type Stage = keyof typeof STAGES;

/** The first that matches the URL of a frame says its stage. What matches none has none: its caller is asked. */
const PLACES: readonly (readonly [RegExp, Stage])[] = [
  [/\/node_modules\/undici\//, 'dispatch'],
  [/\/node_modules\/opossum\//, 'breaker'],
  [/\/node_modules\/prom-client\//, 'metrics'],
  [/\/node_modules\/(pino|sonic-boom)\//, 'log'],
  [/\/node_modules\/(ajv|ajv-formats|fast-uri)\//, 'policies'],
  [/\/node_modules\/(axios|bottleneck|jsonata|fast-xml-parser)\//, 'integration'],
  [/\/node_modules\//, 'edge'],
  [/\/src\/edge\/(client-reply|problem-document|redirect)\.ts$/, 'reply'],
  [/\/src\/exchange\/reply\.ts$/, 'reply'],
  [/\/src\/(edge|exchange)\/|\/src\/gateway\.ts$/, 'edge'],
  [/\/src\/route\//, 'match'],
  [/\/src\/(policies\/auth|tenant\/)/, 'auth'],
  [/\/src\/(policies\/(limit|concurrency)|store\/)/, 'limit'],
  [/\/src\/(policies|json|schema)\//, 'policies'],
  [/\/src\/resilience\//, 'breaker'],
  [/\/src\/upstream\//, 'dispatch'],
  [/\/src\/integration\//, 'integration'],
  [/\/src\/telemetry\/(access-log|events|log-|json-text|secrets|incident)/, 'log'],
  [/\/src\/telemetry\//, 'metrics'],
  [/\/src\//, 'other'],
];

/** Where time was spent: a stage, and the function that answers for it. */
export interface Place {
  readonly stage: Stage;
  /** `write src/edge/client-reply.ts:120`. */
  readonly name: string;
}

interface Found extends Place {
  /** Below the function that answers for it: builtins of V8 and Node, system calls among them. */
  readonly native: boolean;
}

export interface Breakdown {
  /** Samples' µs, idle time left out. */
  readonly totalMicros: number;
  /** Those that took any, in the order of {@link STAGES}. */
  readonly stages: readonly { readonly stage: Stage; readonly micros: number; readonly nativeMicros: number }[];
  readonly functions: readonly (Place & { readonly micros: number })[];
}

/** What happened between two moments of the monotonic clock, in µs. */
export function breakDown(profile: CpuProfile, fromMicros: number, toMicros: number): Breakdown {
  const places = placesOf(profile.nodes);
  const stages = new Map(stageNames().map((stage) => [stage, { stage, micros: 0, nativeMicros: 0 }]));
  const functions = new Map<string, Place & { micros: number }>();
  let totalMicros = 0;
  let now = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    const micros = profile.timeDeltas[index] ?? 0;
    now += micros;
    const place = places.get(id);
    if (place === undefined || now < fromMicros || now > toMicros) continue;
    totalMicros += micros;
    const stage = stages.get(place.stage);
    if (stage !== undefined) {
      stage.micros += micros;
      if (place.native) stage.nativeMicros += micros;
    }
    const own = functions.get(place.name) ?? { ...place, micros: 0 };
    own.micros += micros;
    functions.set(place.name, own);
  }
  return {
    totalMicros,
    stages: [...stages.values()].filter(({ micros }) => micros > 0),
    functions: [...functions.values()].toSorted((a, b) => b.micros - a.micros),
  };
}

function stageNames(): readonly Stage[] {
  return Object.keys(STAGES).filter((name): name is Stage => Object.hasOwn(STAGES, name));
}

/** The place of each node; none for idle time and the root. */
function placesOf(nodes: readonly ProfileNode[]): ReadonlyMap<number, Found> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node] as const)));
  const places = new Map<number, Found>();
  for (const node of byId.values()) {
    const place = placeOf(node, parents);
    if (place !== undefined) places.set(node.id, place);
  }
  return places;
}

function placeOf(leaf: ProfileNode, parents: ReadonlyMap<number, ProfileNode>): Found | undefined {
  const { functionName, url } = leaf.callFrame;
  if (functionName === '(idle)' || functionName === '(root)') return undefined;
  if (functionName === '(garbage collector)') return { stage: 'gc', name: functionName, native: false };
  if (functionName === '(program)') return { stage: 'outside', name: functionName, native: true };
  const native = url === '';
  for (let node: ProfileNode | undefined = leaf; node !== undefined; node = parents.get(node.id)) {
    const { callFrame } = node;
    const [, stage] = PLACES.find(([pattern]) => pattern.test(callFrame.url)) ?? [];
    if (stage !== undefined) return { stage, name: nameOf(callFrame), native };
  }
  return { stage: 'node', name: nameOf(leaf.callFrame), native };
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const path = url.replace(/^.*\/(?=src\/|node_modules\/)/, '').replace(/^node_modules\//, '');
  const place = path === '' ? 'built in' : `${path}:${lineNumber + 1}`;
  return `${functionName === '' ? '(anonymous)' : functionName} ${place}`;
}
