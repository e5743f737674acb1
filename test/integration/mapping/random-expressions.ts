// Expressions and inputs that nobody would write, from a seed.

type Random = () => number;

/** Numbers from 0 up to 1; the same for the same seed. Source: Tommy Ettinger, mulberry32. */
export function randomOf(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function pick<T>(random: Random, from: readonly T[]): T {
  const picked = from[Math.floor(random() * from.length)];
  if (picked === undefined) throw new Error('nothing to pick from');
  return picked;
}

const several = (random: Random, most: number): undefined[] =>
  Array.from({ length: Math.floor(random() * (most + 1)) });

const NAMES = ['a', 'a', 'b', 'b', 'c', 'items'];
const ODD_NAMES = [
  'tupleStream',
  'sequence',
  'cons',
  'outerWrapper',
  '__proto__',
  'constructor',
  '_jsonata_function',
  'length',
  '0',
  'toString',
  'undefined',
  'rawJSON',
];
const SCALARS = [
  '0',
  '1',
  '2',
  '-1',
  '1.5',
  '0.1',
  '-0',
  '3',
  '""',
  '"a"',
  '"b"',
  '"12"',
  '"x y"',
  '"ü😀é"',
  'true',
  'false',
];
const ODD_SCALARS = [
  'null',
  '12345678901234567890',
  '1234567890123456.78',
  '1e300',
  '"0x1F"',
  '"  p  q "',
  '1e-7',
  '2.5',
];

/** JSON text of little of everything. */
export function randomInput(random: Random, depth = 4): string {
  const kind = random();
  if (depth === 0 || kind < 0.15) return pick(random, random() < 0.8 ? SCALARS : ODD_SCALARS);
  if (kind < 0.45)
    return `[${several(random, 3)
      .map(() => randomInput(random, depth - 1))
      .join()}]`;
  const names = new Set(several(random, 6).map(() => randomName(random)));
  return `{${[...names].map((name) => `${JSON.stringify(name)}:${randomInput(random, depth - 1)}`).join()}}`;
}

function randomName(random: Random): string {
  return random() < 0.95 ? pick(random, NAMES) : pick(random, ODD_NAMES);
}

const OPERATORS = ['=', '!=', '<', '<=', '>', '>=', '+', '-', '*', '/', '%', '&', '&', 'and', 'or', 'in', '..'];
const FUNCTIONS: readonly (readonly [name: string, ...args: readonly number[]])[] = [
  ...['sum', 'average', 'max', 'min', 'count', 'exists', 'reverse', 'distinct', 'merge'].map(
    (name) => [name, 1] as const,
  ),
  ...['keys', 'boolean', 'not', 'string', 'number', 'abs', 'floor', 'ceil', 'uppercase', 'lowercase'].map(
    (name) => [name, 0, 1, 1, 1] as const,
  ),
  ...['trim', 'length'].map((name) => [name, 0, 1, 1, 1] as const),
  ...['append', 'lookup', 'contains', 'split', 'substringBefore', 'substringAfter'].map((name) => [name, 2] as const),
  ['round', 0, 1, 2],
  ['substring', 2, 3],
  ['join', 1, 2],
];
const LITERALS = [...SCALARS, 'null', '"sku"', '10', '-2', '2.5'];

/** The text of an expression; not each of them is direct, and not each is one. */
export function randomExpression(random: Random, depth = 3): string {
  const inner = (): string => randomExpression(random, depth - 1);
  const kind = random();
  if (depth === 0 || kind < 0.4) return randomPath(random, depth);
  if (kind < 0.45) return pick(random, LITERALS);
  if (kind < 0.5) return pick(random, ['$', '$$', '$v', '$w', '$u', '$v[]', '$$[0]']);
  if (kind < 0.6) return `(${inner()} ${pick(random, OPERATORS)} ${inner()})`;
  if (kind < 0.75) return randomCall(random, inner);
  if (kind < 0.8)
    return `(${inner()} ${pick(random, [`? ${inner()} : ${inner()}`, `? ${inner()}`, `?: ${inner()}`, `?? ${inner()}`])})`;
  if (kind < 0.87) return randomArray(random, inner);
  if (kind < 0.93) return randomObject(random, inner);
  if (kind < 0.945) return `($n := ${inner()}; $n.${quoted(randomName(random))}.${randomObject(random, inner)})`;
  if (kind < 0.96)
    return `($n := ${inner()}; ${pick(random, ['', `$n := ${inner()}; `])}${inner()} ${pick(random, OPERATORS)} $n)`;
  if (kind < 0.98) return `(${inner()})`;
  return `-${inner()}`;
}

function randomCall(random: Random, inner: () => string): string {
  const [name, ...counts] = pick(random, FUNCTIONS);
  const args = Array.from({ length: pick(random, counts) }, inner);
  if (args.length > 0 && random() < 0.1) return `(${args[0]} ~> $${name}(${args.slice(1).join()}))`;
  return `$${name}(${args.join()})`;
}

function randomArray(random: Random, inner: () => string): string {
  return `[${several(random, 3).map(inner).join()}]`;
}

function randomObject(random: Random, inner: () => string): string {
  const keys = ['k', 'l', 'm', '2', '1'].slice(0, Math.floor(random() * 4));
  return `{${keys.map((key) => `"${key}": ${inner()}`).join()}}`;
}

function randomPath(random: Random, depth: number): string {
  const inner = (): string => (depth === 0 ? pick(random, LITERALS) : randomExpression(random, depth - 1));
  const first =
    random() < 0.75
      ? quoted(randomName(random))
      : pick(random, ['$', '$$', '$v', '$w', `(${inner()})`, randomArray(random, inner)]);
  const steps = several(random, 3).map(() => {
    const kind = random();
    if (depth === 0 || kind < 0.7) return quoted(randomName(random));
    if (kind < 0.78) return `(${inner()})`;
    if (kind < 0.86) return randomObject(random, inner);
    if (kind < 0.92) return randomArray(random, inner);
    if (kind < 0.96) return randomCall(random, inner);
    return '$';
  });
  return [first, ...steps]
    .map((step) => {
      const kind = random();
      if (depth === 0 || kind < 0.7) return step;
      if (kind < 0.78) return `${step}[${pick(random, ['0', '-1', '1', '5'])}]`;
      if (kind < 0.84) return `${step}[]`;
      if (kind < 0.92) return `${step}[${inner()}]`;
      if (kind < 0.96) return `${step}^(${pick(random, ['', '<', '>'])}${quoted(randomName(random))})`;
      return `${step}${randomObject(random, inner)}`;
    })
    .join('.');
}

function quoted(name: string): string {
  return /^[a-zA-Z]+$/.test(name) ? name : `\`${name}\``;
}
