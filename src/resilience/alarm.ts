// When something is due: one timer for all calls. Most calls end long before their time, and then a timer of their own, made
// and cleared per request, would be all cost.

/** Something with a due time; the two fields belong to {@link Alarms}. */
export interface Alarm {
  /** Monotonic milliseconds; `Infinity`: nothing is due. */
  dueAt: number;
  /** Where it stands among the others; -1: not at all. */
  alarmPlace: number;
  onDue(): void;
}

/** Longer than any due time, and short enough for `setTimeout`. */
const SLEEP_MAX_MS = 2 ** 31 - 1;
/** Timers of the runtime may fire up to this early. */
const EARLY_MS = 1;

class Alarms {
  readonly #all: Alarm[] = [];
  #timer: NodeJS.Timeout | undefined = undefined;
  #wakesAt = Number.POSITIVE_INFINITY;

  /** Calls `onDue` at that time, unless it is set anew or cleared before. Constant time. */
  set(alarm: Alarm, dueAt: number, now: number): void {
    alarm.dueAt = dueAt;
    if (alarm.alarmPlace < 0) {
      alarm.alarmPlace = this.#all.length;
      this.#all.push(alarm);
    }
    if (dueAt < this.#wakesAt) this.#sleep(dueAt, now);
  }

  /** Constant time: the last one takes its place. The timer stays; at worst it wakes for nothing once. */
  clear(alarm: Alarm): void {
    if (alarm.alarmPlace < 0) return;
    const last = this.#all.pop();
    if (last !== undefined && last !== alarm) {
      last.alarmPlace = alarm.alarmPlace;
      this.#all[alarm.alarmPlace] = last;
    }
    alarm.alarmPlace = -1;
    alarm.dueAt = Number.POSITIVE_INFINITY;
  }

  #sleep(until: number, now: number): void {
    clearTimeout(this.#timer);
    this.#wakesAt = until;
    // What waits holds a socket that keeps the process alive; the timer alone must not.
    this.#timer = setTimeout(wake, Math.min(Math.max(1, Math.ceil(until - now)), SLEEP_MAX_MS), this).unref();
  }

  wake(): void {
    const now = performance.now();
    const due: Alarm[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const alarm of this.#all) {
      if (alarm.dueAt - now <= EARLY_MS) due.push(alarm);
      else if (alarm.dueAt < next) next = alarm.dueAt;
    }
    this.#wakesAt = Number.POSITIVE_INFINITY;
    if (next !== Number.POSITIVE_INFINITY) this.#sleep(next, now);
    for (const alarm of due) {
      // One that an earlier one has cleared, or set anew, is not due any more.
      if (alarm.dueAt - now > EARLY_MS) continue;
      this.clear(alarm);
      alarm.onDue();
    }
  }
}

function wake(alarms: Alarms): void {
  alarms.wake();
}

/** Of the whole process. */
export const alarms = new Alarms();
