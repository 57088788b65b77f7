/**
 * BrokerClock: tells, once when it begins and once when it ends, that this machine's clock is not the brokers': pods take a dump's time
 * from it. Brokers tell theirs where they stamp the topic's records themselves (LogAppendTime); of others nothing is said.
 */
import { Effect } from "effect"
import type { SelfMetricsShape } from "../SelfMetrics.ts"
import type { Producer } from "../transport/Transport.ts"

/** Pods refuse a dump's time that is further ahead of the broker's. */
const toleratedMs = 60_000

export class BrokerClock {
  private readonly topic: string
  private readonly metrics: Pick<SelfMetricsShape, "agentClockAhead">
  private told = false

  constructor(topic: string, metrics: Pick<SelfMetricsShape, "agentClockAhead">) {
    this.topic = topic
    this.metrics = metrics
  }

  /** After the producer's log took something. */
  look(producer: Producer): Effect.Effect<void> {
    const ahead = producer.clockAhead?.()
    if (ahead === undefined) return Effect.void
    this.metrics.agentClockAhead.set({ topic: this.topic }, ahead / 1000)
    const off = Math.abs(ahead) > toleratedMs
    if (off === this.told) return Effect.void
    this.told = off
    if (!off) return Effect.logInfo(`this machine's clock agrees with the brokers' of topic ${this.topic} again`)
    const by = `${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? "ahead of" : "behind"}`
    return Effect.logWarning(
      `this machine's clock is ${by} the brokers' of topic ${this.topic}: ` +
        `${ahead > 0 ? "pods with --timestamps event refuse its rounds" : "pods with --timestamps event show its samples as that old"}; set it (NTP)`
    )
  }
}
