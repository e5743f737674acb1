// What is wrong with a configuration, where, and what to do about it: collected first, told all at once.
import type { Place, Report } from '../../schema/schema.ts';

export type Severity = 'error' | 'warning';

export interface Finding {
  readonly at: Place;
  /** Stable and machine-readable: `unknown-key`. */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  /** What to do: `did you mean "retry"?`. */
  readonly hint?: string;
}

/** Collects findings from every phase of a load. */
export class Findings implements Report {
  readonly #found: Finding[] = [];
  #errorCount = 0;

  add(at: Place, code: string, message: string, hint?: string, severity: Severity = 'error'): void {
    this.push({ at, code, severity, message, ...(hint !== undefined && { hint }) });
  }

  push(finding: Finding): void {
    this.#found.push(finding);
    if (finding.severity === 'error') this.#errorCount++;
  }

  /** How many of them are errors. */
  get errors(): number {
    return this.#errorCount;
  }

  /** Sorted: see {@link sortFindings}. */
  get all(): readonly Finding[] {
    return sortFindings(this.#found);
  }
}

/** By file, line and column; those of one place in the order they were found. */
export function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted(byPlace);
}

function byPlace({ at: a }: Finding, { at: b }: Finding): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

const LOGGED = 20;

/** The errors among findings as fields of a log line, the first of them only. */
export function findingFields(findings: readonly Finding[]): readonly Record<string, unknown>[] {
  const errors = findings.filter(({ severity }) => severity === 'error');
  return errors
    .slice(0, LOGGED)
    .map(({ at, code, message, hint }) => ({ at: `${at.file}:${at.line}:${at.column}`, code, message, hint }));
}
