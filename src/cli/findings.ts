// Shows findings: with the lines they are about for people, or as JSON.
import type { Finding } from '../config/check/finding.ts';
import { findingsText } from '../config/check/finding-text.ts';
import { readNamedFileSync } from '../named-file.ts';

/** Findings as `sluice check` and `serve` print them; '' when there are none. */
export function showFindings(findings: readonly Finding[], colour: boolean): string {
  return findingsText(findings, { textOf, colour });
}

/** A variable is not a file, a missing file has no lines, and a pipe has given them away: such findings stand without. */
function textOf(file: string): string | undefined {
  try {
    return readNamedFileSync(file).toString();
  } catch {
    return undefined;
  }
}

/** Findings as `--json` prints them. */
export function findingsJson(findings: readonly Finding[]): string {
  return `${JSON.stringify({ findings }, undefined, 2)}\n`;
}
