/**
 * Answers: whether file systems answer the looker: which groups hang, and when some operation on any file returned last. From that comes
 * whether the agent is of any use. Plain state.
 */
import type { Line } from "./Telling.ts"

/** No look at any file could end for so long, ms: the agent is of no use. */
export const uselessAfter = 30_000

export class Answers {
  private readonly now: () => number
  private readonly hung = new Set<string>()
  private at: number

  /** `now`: ms, monotonic. */
  constructor(now: () => number) {
    this.now = now
    this.at = now()
  }

  /** Another looker begins, and knows of no group that hangs. */
  begins(): void {
    this.hung.clear()
  }

  /** The looker lives, and has had its last answer so many ms ago. */
  beat(ms: number): void {
    this.at = this.now() - ms
  }

  /** The line that tells of it; undefined where it was told. `files`: of the group. */
  group(group: string, hung: boolean, ms: number, files: number): Line | undefined {
    const what = `${files} dump file${files === 1 ? "" : "s"}`
    if (!hung)
      return this.hung.delete(group)
        ? { level: "info", text: `${group} answers again: ${what} of it are read again` }
        : undefined
    this.hung.add(group)
    const since = `has not answered for ${Math.round(ms / 1000)} s`
    const text = `${group} ${since}: ${what} of it, and what may be new in it, wait; all other files go on`
    return { level: "warning", text }
  }

  isHung(group: string): boolean {
    return this.hung.has(group)
  }

  /** Ms since some operation on dump files returned. */
  age(): number {
    return Math.max(0, this.now() - this.at)
  }

  /** Why no file can be looked at; undefined where some can. */
  uselessness(): string | undefined {
    const age = this.age()
    if (age < uselessAfter) return undefined
    const groups =
      this.hung.size === 0 ? "the looker does not answer" : `${[...this.hung].slice(0, 3).join(", ")} does not answer`
    return `no look at any dump file could end for ${Math.round(age / 1000)} s: ${groups}. Restarting the agent mends no mount`
  }
}
