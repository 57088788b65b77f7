/**
 * Admission: whether the brokers let this member in, as far as it knows. Who was never in has the wrong credentials or no right to the
 * group: that is final, and for a person. Who has been in is refused for a reason that passes (a secret that is changed here and
 * there in turn, a certificate that ran out, a directory that is away): it keeps trying, says so once and then now and then, and ends nothing.
 */
import { Effect } from "effect"
import type { SelfMetricsShape } from "../../SelfMetrics.ts"
import type { TransportError } from "../../transport/Transport.ts"

/** Ms between two lines in the log while it lasts. */
const remindEvery = 60_000

export class Admission {
  private readonly metrics: SelfMetricsShape
  private readonly now: () => number
  private once: boolean
  private refusal: { readonly since: number; readonly message: string } | undefined
  private toldAt = 0

  /** `once`: this process has been in before. */
  constructor(metrics: SelfMetricsShape, now: () => number, once: boolean) {
    this.metrics = metrics
    this.now = now
    this.once = once
  }

  /** A refusal is not the end. */
  get hasBeenIn(): boolean {
    return this.once
  }

  /** Why it is not let in now; null where it is, or nothing is known. */
  get problem(): string | null {
    return this.refusal?.message ?? null
  }

  /** The coordinator answered as it answers those whom it lets in. */
  get letIn(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.once = true
      const was = this.refusal
      this.refusal = undefined
      if (was === undefined) return Effect.void
      return Effect.logInfo(`the brokers let this pod in again, after ${Math.round((this.now() - was.since) / 1000)} s`)
    })
  }

  refused(error: TransportError): Effect.Effect<void> {
    return Effect.suspend(() => {
      const now = this.now()
      this.metrics.refused.inc({ code: error.code })
      const first = this.refusal === undefined
      this.refusal = { since: this.refusal?.since ?? now, message: error.message }
      if (!first && now - this.toldAt < remindEvery) return Effect.void
      this.toldAt = now
      return Effect.logError(
        `the brokers ${first ? "do not let this pod in any more" : "still do not let this pod in"}: ${error.message}; it shows nothing that it cannot prove and keeps trying`
      )
    })
  }
}
