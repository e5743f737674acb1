// The two trees of configuration: what was written (Node), and what it means in long form (Setting). Both keep positions.

/** Where something stands in a file. Lines and columns start at 1; `length` is in characters on that line. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly length: number;
}

/** Where a value comes from: a place in a file, or Sluice's own default. */
export type Origin = Place | 'default';

/** A parsed YAML value, before it is given a meaning. `${…}` is already expanded. */
export type Node = ScalarNode | ListNode | MapNode;

export interface ScalarNode {
  readonly kind: 'scalar';
  /** The text as it was written, unquoted: `2.0` stays `2.0`. */
  readonly text: string;
  readonly type: 'string' | 'number' | 'boolean' | 'null';
  readonly at: Place;
  /** Came out of `${env:}` or `${file:}`: never shown. */
  readonly secret: boolean;
}

export interface ListNode {
  readonly kind: 'list';
  readonly items: readonly Node[];
  readonly at: Place;
}

export interface MapNode {
  readonly kind: 'map';
  readonly entries: readonly MapEntry[];
  readonly at: Place;
}

export interface MapEntry {
  readonly key: string;
  readonly keyAt: Place;
  readonly value: Node;
}

/** A value in long form. Trees of these are merged (defaults < upstream < route), shown by `explain`, and decoded last. */
export type Setting = LeafSetting | ListSetting | MapSetting;

export interface LeafSetting {
  readonly kind: 'leaf';
  /** Decoded: milliseconds for a duration, bytes for a size, `null` for `none`. */
  readonly value: unknown;
  /** As written, for people. */
  readonly text: string;
  readonly secret: boolean;
  readonly at: Origin;
}

export interface ListSetting {
  readonly kind: 'list';
  readonly items: readonly Setting[];
  readonly at: Origin;
}

export interface MapSetting {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, Setting>;
  readonly at: Origin;
}
