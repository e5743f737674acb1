// What a run says: tables as it goes, all results at its end, and what it leaves in files.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Machine } from '../machine.ts';
import { type Effort, messageOf, type Samples } from '../measure.ts';
import type { Profile } from '../profile.ts';
import type { Comparison, Fact, Probe, Scenario } from '../scenario.ts';
import { budgetTable, profilePage } from './budget.ts';
import { MAIN, writeBudget, writeDocuments } from './documents.ts';
import { RESULTS, saveResults } from './results.ts';
import { type Result, summarise } from './summary.ts';
import { asText } from './table.ts';
import { goalTable, remarkOn, resultTable } from './tables.ts';

interface Profiled {
  readonly scenario: string;
  readonly title: string;
  readonly profiles: readonly Profile[];
}

export class Report {
  readonly #conditions: { readonly machine: Machine; readonly effort: Effort };
  readonly #asJson: boolean;
  readonly #results: Result[] = [];
  readonly #profiled: Profiled[] = [];
  readonly #failed: string[] = [];
  #scenario = '';

  constructor(machine: Machine, { json, rounds, seconds, warmUpSeconds }: Effort & { readonly json: boolean }) {
    this.#conditions = { machine, effort: { rounds, seconds, warmUpSeconds } };
    this.#asJson = json;
  }

  get hasFailures(): boolean {
    return this.#failed.length > 0;
  }

  begin({ name, title }: Scenario): void {
    this.#scenario = name;
    this.#say(`\n${name}: ${title}`);
  }

  skipped({ name }: Scenario): void {
    this.#say(`\n${name} has no rounds: there is nothing to compare or to profile`);
  }

  /** Where somebody watches. */
  round(number: number): void {
    if (process.stderr.isTTY) {
      process.stderr.write(`\r${this.#scenario}: round ${number} of ${this.#conditions.effort.rounds}\u001B[K\r`);
    }
  }

  measured(comparison: Comparison, samples: Samples): void {
    this.#add(summarise(comparison, samples, this.#conditions));
  }

  probed({ kind, name, title }: Probe, facts: readonly Fact[]): void {
    this.#add({ kind, name, title, facts, ...this.#conditions });
  }

  profiled({ name, title }: Comparison, profiles: readonly Profile[]): void {
    this.#profiled.push({ scenario: name, title, profiles });
    for (const each of profiles) this.#say(`${each.contender}\n${asText(budgetTable(each))}`);
  }

  failed(scenario: string, error: unknown): void {
    this.#failed.push(scenario);
    console.error(`\n${scenario} FAILED: ${messageOf(error)}`);
  }

  /** All goals at once, after the tables; the results for a program, where one asked. */
  print(): void {
    const goals = goalTable(this.#results);
    if (goals.rows.length > 0) this.#say(`\ngoals\n${asText(goals)}`);
    if (this.hasFailures) this.#say(`\nFAILED: ${this.#failed.join(', ')}`);
    if (!this.#asJson) return;
    const { machine, effort } = this.#conditions;
    const all = { machine, effort, results: this.#results, profiles: this.#profiled, failed: this.#failed };
    console.log(JSON.stringify(all, null, 2));
  }

  /** Results, profiles, and the documents that show them. */
  async save(scenarios: readonly string[]): Promise<void> {
    if (this.#results.length > 0) {
      await saveResults(this.#results);
      await writeDocuments(scenarios);
    }
    for (const { scenario, title, profiles } of this.#profiled) {
      const folder = join(RESULTS, 'profiles');
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, `${scenario}.md`), profilePage(scenario, title, profiles));
      const [first] = profiles;
      if (scenario === MAIN && first !== undefined) await writeBudget(first, this.#conditions.machine);
    }
  }

  #add(result: Result): void {
    this.#results.push(result);
    this.#say([asText(resultTable(result)), remarkOn(result)].filter(Boolean).join('\n'));
  }

  #say(text: string): void {
    if (this.#asJson) console.error(text);
    else console.log(text);
  }
}
