/** Outage: what a person is told of partitions that do not take lines: once when it begins, by what is wrong, and once when all take them again. */
import { Effect } from "effect"
import type { TransportError } from "../../transport/Transport.ts"

export class Outage {
  private readonly topic: string
  private readonly failing = new Map<number, string>()

  constructor(topic: string) {
    this.topic = topic
  }

  /** Partitions that do not take lines now, and why. */
  get partitions(): ReadonlyMap<number, string> {
    return this.failing
  }

  failed(partition: number, error: TransportError): Effect.Effect<void> {
    const isNews = ![...this.failing.values()].some((why) => why === error.message)
    this.failing.set(partition, error.message)
    if (!isNews) return Effect.void
    return Effect.logWarning(
      `partition ${partition} of topic ${this.topic} does not take log lines: ${error.message}; its files are read on when it does, trying on`
    )
  }

  took(partition: number): Effect.Effect<void> {
    if (!this.failing.delete(partition) || this.failing.size > 0) return Effect.void
    return Effect.logInfo(`topic ${this.topic} takes log lines again`)
  }
}
