// Finds the place of an issue, and keeps what is broken away from the phases that follow.
import type { Issue, Report, Schema, Setting } from '../../schema/schema.ts';
import type { Findings } from '../check/finding.ts';
import { type Entry, placeOf } from '../format/routes-config.ts';

/** Reports rules broken across the fields of `entry`; `below` is where the paths of the issues start. */
export function addIssues(findings: Findings, issues: readonly Issue[], entry: Entry, below: readonly string[]): void {
  for (const issue of issues) {
    const at = placeOf(entry, [...below, ...issue.path]);
    findings.add(at, issue.code, issue.message, issue.hint, issue.severity);
  }
}

/**
 * The same schema, but a value with an error is left out as a whole: later phases see only what is sound and do not report
 * the consequences of what was reported already.
 */
export function sound<T>(schema: Schema<T>): Schema<T> {
  const guarded = (read: (report: Report) => Setting | undefined, report: Report) => {
    let errors = 0;
    const setting = read({
      add(at, code, message, hint, severity = 'error') {
        if (severity === 'error') errors++;
        report.add(at, code, message, hint, severity);
      },
    });
    return errors === 0 ? setting : undefined;
  };
  return {
    ...schema,
    normalise: (node, report) => guarded((own) => schema.normalise(node, own), report),
    complete: (setting, report) => guarded((own) => schema.complete(setting, own), report),
  };
}
