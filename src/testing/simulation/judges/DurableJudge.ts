/**
 * DurableJudge: whether an application that makes records durable keeps what it promises, seen from outside: by what was said, by the commits on
 * the wire, and by what its store says to hold. Nothing is committed before it is durable; in the end all is, and each once, in order, where that
 * is promised. It never looks into a pod.
 */
import { Effect } from "effect"
import type { Commit } from "../../../transport/Transport.ts"
import { type DurableSubject, misheld, missing, type Stored } from "../../DurableSubject.ts"

interface Said extends Stored {
  /** It lies before this offset. */
  readonly end: number
}

/** What is told of one kind of finding. */
const most = 5

export class DurableJudge {
  readonly subject: DurableSubject<never, unknown>
  private readonly violations: Array<string>
  private readonly said: Array<Said> = []
  /** By partition: what was not seen to be durable yet. */
  private readonly waiting = new Map<number, ReadonlyArray<Said>>()

  constructor(subject: DurableSubject<never, unknown>, violations: Array<string>) {
    this.subject = subject
    this.violations = violations
  }

  sent(partition: number, said: Said): void {
    this.said.push(said)
    this.waiting.set(partition, [...(this.waiting.get(partition) ?? []), said])
  }

  /** A commit is sent. */
  committed(pod: string, commits: ReadonlyArray<Commit>, now: number): void {
    for (const { tp, offset } of commits) {
      const waiting = this.waiting.get(tp.partition) ?? []
      const due = waiting.filter(({ end }) => end <= offset)
      if (due.length === 0) continue
      this.waiting.set(
        tp.partition,
        waiting.filter(({ end }) => end > offset)
      )
      const [first, ...others] = missing(due, this.stored())
      if (first !== undefined)
        this.violations.push(
          `${pod} commits offset ${offset} of partition ${tp.partition} at ${Math.round(now)} ms, ` +
            `but ${first.source} ${first.n}${others.length > 0 ? ` and ${others.length} more` : ""} before it is not durable`
        )
    }
  }

  /** Everything was processed, and its last owners have left in good order. */
  end(): void {
    const stored = this.stored()
    const absent = missing(this.said, stored).map(({ source, n }) => `${source} ${n} is not durable, and all have left`)
    for (const wrong of [absent, misheld(this.said, stored, this.subject)]) {
      this.violations.push(...wrong.slice(0, most))
      if (wrong.length > most)
        this.violations.push(`… and ${wrong.length - most} more that are not durable as promised`)
    }
  }

  private stored(): ReadonlyArray<Stored> {
    return Effect.runSync(this.subject.stored)
  }
}
