// Whatever a test starts is stopped by the test: every starter in this folder takes one of these first.

/** Fits the `t` of a test and the module `node:test` itself (whose `after` belongs to the suite). */
export interface CleanUp {
  after(fn: () => void | Promise<void>): void;
}

/**
 * For what a suite's `before` starts: call it in the suite's body. Undone last in, first out, each whether or not another fails
 * (node's own hooks end with the first that throws); the first failure is the suite's.
 */
export function suiteCleanUp(after: CleanUp['after']): CleanUp {
  const undo: (() => void | Promise<void>)[] = [];
  after(async () => {
    const failures: unknown[] = [];
    for (const each of undo.toReversed()) {
      try {
        await each();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  });
  return { after: (fn) => void undo.push(fn) };
}
