// A slow, exact reading of a JSON text: where it goes wrong, and where each value stands. For messages, never for the valid path.
import { pointerTo } from './pointer.ts';

/** What is wrong at an offset (in UTF-16 units) of the text. */
export interface TextFault {
  readonly error: 'syntax' | 'duplicate' | 'depth';
  readonly offset: number;
  readonly detail: string;
}

/** A stretch of the text. */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

export interface JsonTrace {
  readonly fault: TextFault | undefined;
  /** JSON Pointer → where the value stands; as far as the text could be read. Empty unless asked for. */
  readonly spans: ReadonlyMap<string, Span>;
}

/** Reads `text` to its end or its first fault (RFC 8259, no duplicate keys, at most `maxDepth` levels). */
export function traceJson(text: string, options: { readonly maxDepth: number; readonly spans?: boolean }): JsonTrace {
  const reader = new Reader(text, options.maxDepth, options.spans ?? false);
  try {
    reader.document();
  } catch (thrown) {
    if (!(thrown instanceof Stop)) throw thrown;
    return { fault: thrown.fault, spans: reader.spans };
  }
  return { fault: undefined, spans: reader.spans };
}

/** Ends the reading. */
class Stop extends Error {
  readonly fault: TextFault;
  constructor(fault: TextFault) {
    super(fault.detail);
    this.fault = fault;
  }
}

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** Up to so many keys of an object are compared one by one: making a set of each small object costs more. */
const FEW_KEYS = 8;

class Reader {
  readonly spans = new Map<string, Span>();
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #keepsSpans: boolean;
  #at = 0;
  #depth = 0;

  constructor(text: string, maxDepth: number, keepsSpans: boolean) {
    this.#text = text;
    this.#maxDepth = maxDepth;
    this.#keepsSpans = keepsSpans;
  }

  document(): void {
    if (this.#text.startsWith('\ufeff')) this.#stop('syntax', 'starts with a byte order mark');
    this.#space();
    if (this.#at === this.#text.length) this.#stop('syntax', 'is empty');
    this.#value('');
    this.#space();
    if (this.#at < this.#text.length) this.#unexpected('the end of the text');
  }

  #value(pointer: string): void {
    const start = this.#at;
    const next = this.#text.charCodeAt(start);
    if (next === OPEN_BRACE) this.#object(pointer);
    else if (next === OPEN_BRACKET) this.#array(pointer);
    else if (next === QUOTE) this.#string();
    else if (!this.#digit(next) && !this.#matches(NUMBER) && !this.#matches(WORD)) this.#unexpected('a value');
    if (this.#keepsSpans) this.spans.set(pointer, { offset: start, length: this.#at - start });
  }

  #object(pointer: string): void {
    this.#enter();
    const keys = new Keys();
    if (!this.#takes(CLOSE_BRACE)) {
      do {
        this.#space();
        const start = this.#at;
        if (this.#text.charCodeAt(start) !== QUOTE) this.#unexpected('a key in double quotes');
        const key = this.#key();
        if (!keys.add(key)) this.#stop('duplicate', `has the key ${quoted(key)} twice`, start);
        this.#expect(COLON, `":" after the key`);
        this.#space();
        this.#value(this.#keepsSpans ? pointerTo(pointer, key) : '');
      } while (this.#takes(COMMA));
      this.#expect(CLOSE_BRACE, '"," or "}"');
    }
    this.#depth--;
  }

  #array(pointer: string): void {
    this.#enter();
    let index = 0;
    if (!this.#takes(CLOSE_BRACKET)) {
      do {
        this.#space();
        this.#value(this.#keepsSpans ? `${pointer}/${index++}` : '');
      } while (this.#takes(COMMA));
      this.#expect(CLOSE_BRACKET, '"," or "]"');
    }
    this.#depth--;
  }

  #enter(): void {
    if (++this.#depth > this.#maxDepth) this.#stop('depth', `is nested deeper than ${this.#maxDepth} levels`);
    this.#at++;
  }

  #key(): string {
    const start = this.#at;
    const hasEscapes = this.#string();
    // What was just read as a JSON string parses to a string.
    if (hasEscapes) return String(JSON.parse(this.#text.slice(start, this.#at)));
    return this.#text.slice(start + 1, this.#at - 1);
  }

  /** Whether it has escapes. */
  #string(): boolean {
    const text = this.#text;
    const start = this.#at++;
    let hasEscapes = false;
    for (;;) {
      const next = text.charCodeAt(this.#at);
      if (next === QUOTE) break;
      if (next === BACKSLASH) {
        hasEscapes = true;
        if (!this.#matches(ESCAPE)) this.#stop('syntax', 'has an unknown escape in a string');
      } else if (next >= SPACE) this.#at++;
      else if (this.#at >= text.length) this.#stop('syntax', 'has a string without an end', start);
      else this.#stop('syntax', 'has a control character in a string');
    }
    this.#at++;
    return hasEscapes;
  }

  #space(): void {
    for (;;) {
      const next = this.#text.charCodeAt(this.#at);
      if (next !== SPACE && next !== 0x0a && next !== 0x0d && next !== 0x09) return;
      this.#at++;
    }
  }

  /** Takes a number of one digit, as most are. */
  #digit(next: number): boolean {
    if (next < 0x30 || next > 0x39) return false;
    const after = this.#text.charCodeAt(this.#at + 1);
    if (after !== COMMA && after !== CLOSE_BRACE && after !== CLOSE_BRACKET) return false;
    this.#at++;
    return true;
  }

  #matches(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }

  #takes(character: number): boolean {
    this.#space();
    if (this.#text.charCodeAt(this.#at) !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: number, what: string): void {
    if (!this.#takes(character)) this.#unexpected(what);
  }

  #unexpected(expected: string): never {
    const found = this.#text.codePointAt(this.#at);
    const what = found === undefined ? 'the end' : quoted(String.fromCodePoint(found));
    return this.#stop('syntax', `has ${what} where ${expected} is expected`);
  }

  #stop(error: TextFault['error'], detail: string, offset = this.#at): never {
    throw new Stop({ error, offset, detail });
  }
}

/** The keys of one object. */
class Keys {
  readonly #few: string[] = [];
  #many: Set<string> | undefined = undefined;

  /** False: it is there already. */
  add(key: string): boolean {
    if (this.#many === undefined) {
      if (this.#few.includes(key)) return false;
      if (this.#few.push(key) > FEW_KEYS) this.#many = new Set(this.#few);
      return true;
    }
    const before = this.#many.size;
    return this.#many.add(key).size > before;
  }
}

/** A client's text in a message: escaped, and never long. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
