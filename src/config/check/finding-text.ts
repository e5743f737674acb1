// Findings for people: the line, a caret under what is meant, and the hint after it.
import { styleText } from 'node:util';
import { startsOfLines } from '../read/source.ts';
import type { Finding, Severity } from './finding.ts';
import { covered, type Span, secretSpans, touching } from './secret-text.ts';

export interface TextOptions {
  /** The text of a file, to show lines of; undefined when it cannot be shown. */
  readonly textOf: (file: string) => string | undefined;
  /** Only for a terminal. */
  readonly colour: boolean;
}

/**
 * Findings as `sluice check` prints them, ending with the summary; '' when there are none. Errors show their line, and so does
 * a warning with a hint.
 */
export function findingsText(findings: readonly Finding[], { textOf, colour }: TextOptions): string {
  if (findings.length === 0) return '';
  const files = new Set(findings.map((finding) => finding.at.file));
  const lines = new Map(Array.from(files, (file) => [file, linesOf(textOf(file))]));
  const told = findings.flatMap((finding) => [
    headline(finding, colour),
    ...frame(finding, lines.get(finding.at.file)?.(finding.at.line), colour),
  ]);
  return [...told, summary(findings), ''].join('\n');
}

/** The lines of a file by their numbers, secrets covered. */
function linesOf(written: string | undefined): ((line: number) => string | undefined) | undefined {
  if (written === undefined) return undefined;
  const text = written.replace(/^\uFEFF/, '');
  const starts = startsOfLines(text);
  const secrets = secretSpans(text);
  // A generated file may be one line, and all that is wrong stands in it.
  let last = { line: 0, shown: '' };
  return (line) => {
    const start = starts[line - 1];
    if (start === undefined) return undefined;
    if (last.line !== line) {
      const end = (starts[line] ?? text.length + 1) - 1;
      last = { line, shown: masked(text, { start, end }, touching(secrets, start, end)).replace(/\r$/, '') };
    }
    return last.shown;
  };
}

/** A line may hold a key or a token in clear text beside what the finding is about: those are not repeated. */
function masked(text: string, line: Span, secrets: readonly Span[]): string {
  let shown = '';
  let at = line.start;
  for (const secret of secrets) {
    const start = Math.max(at, secret.start);
    const end = Math.max(start, Math.min(secret.end, line.end));
    shown += text.slice(at, start) + covered(text.slice(start, end));
    at = end;
  }
  shown += text.slice(at, line.end);
  return shown.replaceAll(RANDOM_TEXT, (run) => (/\d.*\d/.test(run) ? covered(run) : run));
}

/** Long, and of letters and digits as only chance makes them. */
const RANDOM_TEXT = /[\w+=-]{20,}/g;

function summary(findings: readonly Finding[]): string {
  const errors = findings.filter((finding) => finding.severity === 'error').length;
  const parts = [counted(errors, 'error'), counted(findings.length - errors, 'warning')];
  return parts.filter((part) => part !== '').join(', ');
}

function counted(count: number, noun: string): string {
  if (count === 0) return '';
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function headline({ at, severity, code, message }: Finding, colour: boolean): string {
  const label = painted(`${severity} ${code}`, severity, colour);
  return `${at.file}:${at.line}:${at.column} ${label}: ${oneLine(message)}`;
}

/** A message may quote what was written; nothing in it may start a line of its own or drive the terminal. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (control) => JSON.stringify(control).slice(1, -1));
}

function frame({ at, severity, hint }: Finding, line: string | undefined, colour: boolean): string[] {
  if (severity === 'warning' && hint === undefined) return [];
  const after = hint === undefined ? '' : ` ${oneLine(hint)}`;
  if (line === undefined || line.trim() === '') return after === '' ? [] : [` ${after}`];
  const gutter = String(at.line);
  const { shown, column } = excerpt(line, at.column - 1);
  // Tabs stay tabs, so that the caret stands under its text whatever their width.
  const indent = shown.slice(0, column).replaceAll(/[^\t]/g, ' ');
  const caret = painted('^'.repeat(Math.max(1, Math.min(at.length, shown.length - column))), severity, colour);
  return [`  ${gutter} | ${shown}`, `  ${' '.repeat(gutter.length)} | ${indent}${caret}${after}`];
}

const WIDEST = 160;

/** A line fit for a terminal: a long one is cut around what is meant, and control characters take one column each. */
function excerpt(line: string, column: number): { shown: string; column: number } {
  if (line.length <= WIDEST) return { shown: clean(line), column };
  const from = Math.max(0, Math.min(column - WIDEST / 4, line.length - WIDEST));
  const to = from + WIDEST;
  const head = from > 0 ? '…' : '';
  return {
    shown: `${head}${clean(line.slice(from, to))}${to < line.length ? '…' : ''}`,
    column: column - from + head.length,
  };
}

function clean(text: string): string {
  return text.replaceAll(/(?!\t)\p{Cc}/gu, '\uFFFD');
}

function painted(text: string, severity: Severity, colour: boolean): string {
  return colour ? styleText(severity === 'error' ? 'red' : 'yellow', text, { validateStream: false }) : text;
}
