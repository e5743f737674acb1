// Loaded into a gateway process before it (`NODE_OPTIONS=--import=…`): SIGUSR2 begins to count what is allocated (`counting: true`
// on standard error), another one ends that and says which functions of src/ it was (`allocated: JSON`). Every allocation is
// counted, and no function is optimised: what is counted is what the source says, the same each time.
import { type HeapProfiler as Heap, Session } from 'node:inspector';
import { setFlagsFromString } from 'node:v8';

// What V8's protocol has and Node's types leave out.
declare module 'node:inspector' {
  namespace HeapProfiler {
    interface StartSamplingParameterType {
      includeObjectsCollectedByMajorGC?: boolean;
      includeObjectsCollectedByMinorGC?: boolean;
    }
    interface SamplingHeapProfileNode {
      id: number;
    }
    interface SamplingHeapProfile {
      samples: readonly { readonly size: number; readonly nodeId: number }[];
    }
  }
}

type Node = Heap.SamplingHeapProfileNode;

/** Of one function of src/, over all the time that was counted. */
export interface FunctionAllocations {
  /** Name, file and line. */
  readonly at: string;
  /**
   * Objects that it allocates itself or by a built-in function, and their bytes. Boxed numbers are none: optimised code keeps most
   * of them in registers.
   */
  objects: number;
  bytes: number;
  /** With those of all that it calls, other functions of src/ excepted. */
  chargedObjects: number;
  chargedBytes: number;
}

for (const flag of [
  '--no-opt',
  '--no-maglev',
  // Otherwise the first few calls of each function would allocate what V8 remembers of it.
  '--no-lazy-feedback-allocation',
  '--no-flush-bytecode',
  '--sampling-heap-profiler-suppress-randomness',
])
  setFlagsFromString(flag);

// How long a number is as text, and in which bucket it falls, must not depend on how busy the machine is: clocks go on when read.
let elapsedMs = 0;
let epochMs = Date.UTC(2026, 0, 1);
Object.defineProperty(performance, 'now', { value: () => (elapsedMs += 0.01) });
Date.now = () => ++epochMs;

const session = new Session();
session.connect();
let counting = false;

process.on('SIGUSR2', () => {
  counting = !counting;
  if (counting) begin();
  else end();
});

function begin(): void {
  const settings = {
    samplingInterval: 1,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  };
  session.post('HeapProfiler.startSampling', settings, (error) => say('counting', error === null));
}

function end(): void {
  session.post('HeapProfiler.stopSampling', (error, stopped) => {
    if (error === null) say('allocated', byFunction(stopped.profile));
  });
}

function say(word: string, what: unknown): void {
  process.stderr.write(`${word}: ${JSON.stringify(what)}\n`);
}

/** Size of a boxed number, and of nothing else. */
const NUMBER_BYTES = 16;

function byFunction({ head, samples }: Heap.SamplingHeapProfile): FunctionAllocations[] {
  const samplesOf = Map.groupBy(
    samples.filter(({ size }) => size !== NUMBER_BYTES),
    ({ nodeId }) => nodeId,
  );
  const found = new Map<string, FunctionAllocations>();
  const visit = (node: Node, caller: FunctionAllocations | undefined, isOwnCaller: boolean): void => {
    if (isBackground(node)) return;
    const isFunction = isSource(node);
    const entry = isFunction ? entryOf(found, node) : caller;
    const isOwn = isFunction || (isOwnCaller && isBuiltIn(node));
    if (entry !== undefined) for (const { size } of samplesOf.get(node.id) ?? []) charge(entry, size, isOwn);
    for (const child of node.children) visit(child, entry, isOwn);
  };
  visit(head, undefined, false);
  return [...found.values()].filter(({ chargedObjects }) => chargedObjects > 0);
}

function charge(entry: FunctionAllocations, bytes: number, isOwn: boolean): void {
  entry.chargedObjects += 1;
  entry.chargedBytes += bytes;
  if (!isOwn) return;
  entry.objects += 1;
  entry.bytes += bytes;
}

function entryOf(found: Map<string, FunctionAllocations>, { callFrame }: Node): FunctionAllocations {
  const { functionName, url, lineNumber } = callFrame;
  const at = `${functionName || '(anonymous)'} ${url.slice(url.indexOf('/src/') + 1)}:${lineNumber + 1}`;
  const entry = found.get(at) ?? { at, objects: 0, bytes: 0, chargedObjects: 0, chargedBytes: 0 };
  found.set(at, entry);
  return entry;
}

const SOURCE = new URL('../../../src/', import.meta.url).href;

function isSource({ callFrame }: Node): boolean {
  return callFrame.url.startsWith(SOURCE);
}

/** `push`, `stringify`: of the language. */
function isBuiltIn({ callFrame }: Node): boolean {
  return callFrame.url === '';
}

/** Timers, looks at watched files, and log lines that share one write come by the clock and not by requests. */
function isBackground({ callFrame }: Node): boolean {
  const { functionName, url } = callFrame;
  return functionName === 'processTimers' || url === 'node:fs' || BACKGROUND.some((file) => url.endsWith(file));
}

const BACKGROUND = ['/src/telemetry/log-sink.ts', '/src/config/service/watch.ts'];
