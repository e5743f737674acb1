// The text of one file, and where its offsets are: lines and columns for people.
import type { Place } from '../../schema/schema.ts';

export class Source {
  readonly file: string;
  /** Without a byte order mark. */
  readonly text: string;
  readonly #lineStarts: readonly number[];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text.replace(/^\uFEFF/, '');
    this.#lineStarts = startsOfLines(this.text);
  }

  /** The place of `start` up to `end` or the end of its line, at least one character long. */
  place(start: number, end = start + 1): Place {
    const index = this.#lineIndex(start);
    const lineStart = this.#lineStarts[index] ?? 0;
    const length = Math.max(1, Math.min(end, this.#lineEnd(index)) - start);
    return { file: this.file, line: index + 1, column: start - lineStart + 1, length };
  }

  /** The offset where the line of `offset` ends, its line break excluded. */
  endOfLine(offset: number): number {
    return this.#lineEnd(this.#lineIndex(offset));
  }

  /** A line by its number, from 1, its line break excluded; '' when there is none. */
  line(number: number): string {
    const start = this.#lineStarts[number - 1];
    return start === undefined ? '' : this.text.slice(start, this.#lineEnd(number - 1));
  }

  #lineEnd(index: number): number {
    const next = this.#lineStarts[index + 1];
    if (next === undefined) return this.text.length;
    return this.text.charCodeAt(next - 2) === CARRIAGE_RETURN ? next - 2 : next - 1;
  }

  #lineIndex(offset: number): number {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

const CARRIAGE_RETURN = 13;

/** Where each line of a text starts. */
export function startsOfLines(text: string): readonly number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
