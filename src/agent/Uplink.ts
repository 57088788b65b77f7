/**
 * Uplink: the way to one topic: reached for the first time, however long that takes, with the partition base that keeps each source where
 * it is though the topic grows. It fails, for people, where only they can help: credentials, or a base beyond the topic.
 */
import { Effect, Exit, Scope } from "effect"
import { Backoff } from "../Backoff.ts"
import { type Acks, type Compression, type Producer, Transport, TransportError } from "../transport/Transport.ts"
import { AgentFailed } from "./AgentFailed.ts"
import { type BaseWords, decideBase } from "./Partitioner.ts"
import { baseFile, keepNumber, readNumber } from "./StateDir.ts"

export interface UplinkOptions {
  readonly topic: string
  readonly clientId: string
  readonly acks: Acks
  readonly compression: Compression
  readonly maxRequestBytes: number
  /** Undefined: nothing is kept. */
  readonly stateDir: string | undefined
  /** 0: what the state directory kept, else the topic's partitions at the first start. */
  readonly partitionBase: number
}

/** In the words of what is sent. */
export interface UplinkWords extends BaseWords {
  /** What is spread over the partitions. */
  readonly spread: string
  /** What becomes of it while the log is away. */
  readonly meanwhile: string
}

export interface Uplink {
  readonly producer: Producer
  readonly base: number
}

const backoff = new Backoff(250, 5_000)

/** State on disk: what went wrong there is for a person. */
export const onDisk = <A>(work: () => Promise<A>): Effect.Effect<A, AgentFailed> =>
  Effect.tryPromise({
    try: work,
    catch: (error) => new AgentFailed({ message: error instanceof Error ? error.message : String(error) })
  })

/** The connections close with `scope`. */
export const connect = Effect.fnUntraced(function* (options: UplinkOptions, words: UplinkWords, scope: Scope.Scope) {
  const transport = yield* Transport
  const { topic, clientId, acks, compression, maxRequestBytes, stateDir, partitionBase } = options
  const name = baseFile(topic)
  const kept = stateDir === undefined ? null : yield* onDisk(() => readNumber(stateDir, name))
  if (kept === "damaged")
    return yield* new AgentFailed({
      message: `${stateDir}/${name} is damaged: give ${words.baseOption} as the other agents have it, and remove the file`
    })
  let told = ""
  const reach = Effect.gen(function* () {
    const attempt = yield* Scope.fork(scope)
    return yield* Effect.gen(function* () {
      const producer = yield* transport.producer({ clientId, acks, compression, maxRequestBytes })
      const topics = yield* producer.metadata([topic])
      const present = topics.find((info) => info.topic === topic)?.partitions.length ?? 0
      if (present > 0) return { producer, present }
      const detail = `topic ${topic} does not exist: create it`
      return yield* new TransportError({ op: "metadata", code: "UNKNOWN_TOPIC_OR_PARTITION", retriable: true, detail })
    }).pipe(
      Scope.provide(attempt),
      Effect.onError(() => Scope.close(attempt, Exit.void))
    )
  })
  const { producer, present } = yield* reach.pipe(
    Effect.tapError((error) => {
      if (error.refused || told === error.code) return Effect.void
      told = error.code
      return Effect.logWarning(`the log is not reached: ${error.message}; ${words.meanwhile}, trying on`)
    }),
    Effect.retry({ schedule: backoff.schedule, while: (error) => !error.refused }),
    Effect.mapError((error) => new AgentFailed({ message: `the log does not let the agent in: ${error.message}` }))
  )
  const decided = decideBase({ topic, option: partitionBase, kept, present }, words)
  if (decided.kind === "impossible") return yield* new AgentFailed({ message: decided.message })
  if (decided.keep && stateDir !== undefined) yield* onDisk(() => keepNumber(stateDir, name, decided.base))
  if (decided.note !== null) yield* Effect.logWarning(decided.note)
  yield* Effect.logInfo(`topic ${topic} is reached: ${present} partitions, ${words.spread} spread over ${decided.base}`)
  const uplink: Uplink = { producer, base: decided.base }
  return uplink
})
