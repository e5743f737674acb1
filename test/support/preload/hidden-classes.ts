// Loaded into a gateway process before it (`NODE_OPTIONS=--import=…`): keeps the response to every plain request, and with it the
// exchange. SIGUSR2 makes it say on standard error (`shapes: JSON`) which hidden classes V8 has given to the objects of all
// exchanges that are kept or under way.
import { subscribe } from 'node:diagnostics_channel';
import { type Runtime as Inspected, Session } from 'node:inspector';
import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { Exchange } from '../../../src/exchange/exchange.ts';

// What V8's protocol has and Node's types leave out.
declare module 'node:inspector' {
  namespace Runtime {
    interface GetPropertiesReturnType {
      privateProperties?: PropertyDescriptor[];
    }
  }
}

/** Objects of one class that have one hidden class. */
export interface Shape {
  /** What they are to their exchange. */
  readonly part: string;
  /** `Object`: of none of ours. */
  readonly className: string;
  /** Of the exchanges they belong to. */
  readonly requestIds: string[];
  /** In order, private ones included, each with all the ways in which its values are represented. */
  readonly fields: Record<string, string[]>;
  /** Its fields have fixed places; otherwise it is a hash table. */
  readonly isFast: boolean;
}

setFlagsFromString('--allow-natives-syntax');
const haveSameMap: (a: object, b: object) => boolean = runInThisContext('(a, b) => %HaveSameMap(a, b)');
const hasFastProperties: (object: object) => boolean = runInThisContext('(object) => %HasFastProperties(object)');

const kept: unknown[] = [];
subscribe('http.server.request.start', (message) => kept.push(message));

const session = new Session();
session.connect();
process.on('SIGUSR2', () => {
  process.stderr.write(`shapes: ${JSON.stringify(shapes())}\n`);
});

interface Classed {
  readonly shape: Shape;
  /** One of them. */
  readonly example: object;
}

function shapes(): Shape[] {
  const found: Classed[] = [];
  for (const x of instancesOf(Exchange)) {
    if (!(x instanceof Exchange)) continue;
    for (const [part, object] of Object.entries(partsOf(x))) {
      if (isObject(object)) classify(found, part, object, x.requestId);
    }
  }
  return found.map(({ shape }) => shape);
}

/** The objects that make up an exchange. */
function partsOf(x: Exchange): Record<string, unknown> {
  const call = fieldsOf(x.call);
  const { socket } = x.req;
  const mark = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'sluice connection');
  return {
    exchange: x,
    reply: x.reply,
    body: x.body,
    call: x.call,
    attempt: call.get('#attempt'),
    connection: mark === undefined ? undefined : Reflect.get(socket, mark),
  };
}

function classify(found: Classed[], part: string, object: object, requestId: string): void {
  const className = object.constructor.name;
  let known = found.find(
    ({ shape, example }) => shape.part === part && shape.className === className && haveSameMap(example, object),
  );
  if (known === undefined) {
    const isFast = hasFastProperties(object);
    known = { example: object, shape: { part, className, requestIds: [], fields: {}, isFast } };
    found.push(known);
  }
  const { requestIds, fields } = known.shape;
  if (!requestIds.includes(requestId)) requestIds.push(requestId);
  for (const [name, value] of fieldsOf(object)) {
    const represented = fields[name] ?? [];
    fields[name] = represented;
    const as = representation(value);
    if (!represented.includes(as)) represented.push(as);
  }
}

/** What matters to a hidden class: a double has a box of its own. */
function representation(value: unknown): string {
  if (typeof value !== 'number') return 'object';
  return Object.is(value, value | 0) ? 'small integer' : 'double';
}

/** All own fields, private ones included, in order. */
function fieldsOf(object: unknown): Map<string, unknown> {
  const fields = new Map<string, unknown>();
  if (!isObject(object)) return fields;
  const { result, privateProperties = [] } = propertiesOf(idOf(object));
  for (const { name, value } of privateProperties) if (value !== undefined) fields.set(name, localOf(value));
  for (const { name, value } of result) if (value !== undefined) fields.set(name, localOf(value));
  return fields;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

// The inspector reads what JavaScript cannot: private fields, and all instances of a class. What goes there and comes back
// passes by a global variable.

const desk: { value: unknown } = { value: undefined };
Object.assign(globalThis, { sluiceTestDesk: desk });

function idOf(value: unknown): string {
  desk.value = value;
  let id: string | undefined;
  session.post('Runtime.evaluate', { expression: 'sluiceTestDesk.value' }, (_error, { result }) => {
    id = result.objectId;
  });
  if (id === undefined) throw new Error('the inspector has no such object');
  return id;
}

function localOf(remote: Inspected.RemoteObject): unknown {
  const { objectId, unserializableValue, value } = remote;
  if (objectId === undefined) return unserializableValue === undefined ? value : Number(unserializableValue);
  const functionDeclaration = 'function () { sluiceTestDesk.value = this; }';
  session.post('Runtime.callFunctionOn', { objectId, functionDeclaration });
  return desk.value;
}

function propertiesOf(objectId: string): Inspected.GetPropertiesReturnType {
  let properties: Inspected.GetPropertiesReturnType | undefined;
  session.post('Runtime.getProperties', { objectId, ownProperties: true }, (_error, found) => {
    properties = found;
  });
  if (properties === undefined) throw new Error('the inspector finds no properties');
  return properties;
}

function instancesOf({ prototype }: { readonly prototype: object }): unknown[] {
  let instances: unknown;
  session.post('Runtime.queryObjects', { prototypeObjectId: idOf(prototype) }, (_error, { objects }) => {
    instances = localOf(objects);
  });
  return Array.isArray(instances) ? instances : [];
}
