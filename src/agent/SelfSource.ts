/**
 * SelfSource: the agent's own metrics as a source like any other, so that whoever looks at the pods sees what a site's agent
 * sees: how old each dump is, what was sent, what is refused. It goes the way of the dumps, so it is there when they could be.
 *
 * A dump file that has the same id, as one does that was made of this agent's own page, keeps it: two would take turns. That is told once.
 */
import { Clock, Effect } from "effect"
import type { AgentSource } from "./AgentSource.ts"

export interface SelfSourceOptions {
  readonly host: string
  /** Ms between two rounds; 0: none. */
  readonly every: number
  /** As of now, in the text format. */
  readonly text: () => Promise<string>
  /** The file that has this source id. */
  readonly rival: (source: string) => string | undefined
}

/** The `job` of its series, and the last part of its id. */
export const selfName = "kafka2prom-agent"

export const make = ({ host, every, text, rival }: SelfSourceOptions): AgentSource => {
  const source = `${host}/${selfName}`
  let sentAt = Number.NEGATIVE_INFINITY
  let told = false
  return {
    look: Effect.fnUntraced(function* (sink) {
      const now = Number((yield* Clock.monotonicTimeNanos) / 1_000_000n)
      if (every === 0 || now - sentAt < every) return
      sentAt = now
      const other = rival(source)
      if (other !== undefined) {
        if (!told)
          yield* Effect.logWarning(
            `the agent's own metrics are not sent: ${other} has their source id ${source}; rename it, or give --self-every 0s`
          )
        told = true
        return
      }
      told = false
      const body = Buffer.from(yield* Effect.promise(text))
      if (!sink.room(source, body.length)) return
      yield* sink.offer({
        ...{ source, job: selfName, labels: { job: selfName }, origin: "the agent's own metrics" },
        ...{ text: body, format: "text", time: yield* Clock.currentTimeMillis, age: 0 }
      })
    })
  }
}
