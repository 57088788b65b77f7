/**
 * PublishRegistry: a service publishes its own registry without a file and without an agent beside it. The rounds go the agent's way
 * (Sending): numbered, in chunks under the brokers' limits, to the partition that the source always has; a newer one supersedes one that
 * waits, and one that the log does not take within half the expiry is given up for good.
 *
 * It never harms its service: what goes wrong later is logged, counted (`k2p_agent_…` of SelfMetrics) and tried again, and at most the
 * newest round waits. Its Scope's close publishes once more and gives that five seconds.
 */
import { Clock, Duration, Effect, Layer, Schedule } from "effect"
import type { InputFormat } from "../metrics/text/Dump.ts"
import { inputFormat } from "../metrics/text/Negotiation.ts"
import { SelfMetrics } from "../SelfMetrics.ts"
import type { Transport } from "../transport/Transport.ts"
import { AgentFailed } from "./AgentFailed.ts"
import { type AgentOptions, defaultAgentOptions, labelProblem } from "./AgentOptions.ts"
import * as Sending from "./Sending.ts"

/** What is published, where, and under which name. @experimental */
export interface PublishOptions extends Partial<Pick<AgentOptions, "acks" | "compression" | "clientId" | "labels">> {
  /** A prom-client Registry, or whatever answers with the text of a scrape. Its content type tells the format; text 0.0.4 where it has none. */
  readonly registry: { readonly metrics: () => Promise<string>; readonly contentType?: string }
  /** Where rounds go; it must exist. */
  readonly topic: string
  /** The id of the source, which becomes the series' `instance`. The same after a restart, and one publisher's at a time. */
  readonly source: string
  /** The `job` of its series. */
  readonly job: string
  /** From one round to the next: 30 seconds by default, at least one. */
  readonly every?: Duration.Input
  /** How many partitions the topic's sources are spread over, the same for all its senders, also after it has grown. */
  readonly partitionBase?: number
  /**
   * Where the partition base and the epoch are kept, a directory of this publisher alone. Without one `partitionBase` is needed, and a clock
   * that was set back between two runs keeps the source dark until the pods' expiry.
   */
  readonly stateDir?: string
  /** The pods' `--expiry`, 90 seconds by default. */
  readonly expiry?: Duration.Input
}

/** Between two tries of a log that lets nobody in. */
const refusedPause = "1 minute"

const problemOf = ({ source, job, partitionBase = 0, stateDir, labels = {} }: PublishOptions, every: number) => {
  if (source === "" || job === "") return "publishRegistry: source and job must not be empty"
  if (!(every >= 1_000)) return `publishRegistry: every is ${every} ms, it must be at least 1,000`
  if (!Number.isSafeInteger(partitionBase) || partitionBase < 0)
    return `publishRegistry: partitionBase is ${partitionBase}, not a number of partitions`
  if (partitionBase === 0 && stateDir === undefined)
    return "publishRegistry: give partitionBase, the number of partitions that all senders of the topic spread their sources over, or a stateDir in which it can be kept"
  return labelProblem({ job, ...labels })
}

const sendingOptions = ({ partitionBase = 0, stateDir, ...options }: PublishOptions): Sending.SendingOptions => {
  const { acks, compression, clientId, labels, maxRequestBytes, bufferBytes, stateWait, keepEvery } =
    defaultAgentOptions
  const expiry = Duration.toMillis(Duration.fromInputUnsafe(options.expiry ?? defaultAgentOptions.expiry))
  const usual = { acks, compression, clientId, labels, maxRequestBytes, bufferBytes, stateWait, keepEvery }
  return { ...usual, ...options, expiry, partitionBase, stateDir }
}

/** As the pods want it: never empty, which would end the source, and with its last line ended, or it counts as cut off. */
const bodyOf = (text: string, format: InputFormat): Buffer =>
  Buffer.from(format === "openmetrics" || text.endsWith("\n") ? text : `${text}\n`)

const make = Effect.fnUntraced(function* (options: PublishOptions) {
  const { registry, source, job } = options
  const every = Duration.toMillis(Duration.fromInputUnsafe(options.every ?? "30 seconds"))
  const problem = problemOf(options, every)
  if (problem !== null) return yield* new AgentFailed({ message: problem })
  const metrics = yield* SelfMetrics
  const sending = yield* Sending.make(sendingOptions(options))
  let told = false
  /** Once, until it works again. */
  const fails = (why: string) =>
    Effect.suspend(() => {
      metrics.agentRounds.inc({ outcome: "refused" })
      if (told) return Effect.void
      told = true
      return Effect.logWarning(
        `${source} is not published: ${why}; the pods show the last round until it expires, trying on`
      )
    })

  const publish = Effect.gen(function* () {
    const time = yield* Clock.currentTimeMillis
    const text = yield* Effect.tryPromise({
      try: () => registry.metrics(),
      catch: (error) => (error instanceof Error ? error.message : String(error))
    })
    const format = inputFormat(registry.contentType)
    if (format === undefined)
      return yield* Effect.fail(`its content type ${registry.contentType} is not one that pods read`)
    const body = bodyOf(text, format)
    const { maxDumpBytes } = defaultAgentOptions
    if (body.length > maxDumpBytes)
      return yield* Effect.fail(`its text has ${body.length} bytes, pods take at most ${maxDumpBytes}`)
    if (!sending.outbox.room(source, body.length))
      return yield* Effect.fail("the rounds before it still take all the memory that there is for them")
    if (told) yield* Effect.logInfo(`${source} is published again`)
    told = false
    yield* sending.outbox.offer({ source, job, origin: "publishRegistry", text: body, format, time, age: 0 })
  }).pipe(
    Effect.catch(fails),
    Effect.catchDefect((defect) => fails(String(defect)))
  )

  yield* sending.connect.pipe(
    Effect.tapError(({ message }) => Effect.logError(`${source} is not published: ${message}`)),
    Effect.retry(Schedule.spaced(refusedPause)),
    Effect.catchCause((cause) => Effect.logError(`${source} will not be published`, cause)),
    Effect.forkScoped
  )
  yield* Effect.addFinalizer(() =>
    Sending.lastRounds(
      sending,
      publish,
      defaultAgentOptions.shutdownTimeout,
      "the pods show the round before until it expires"
    )
  )
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(publish, Effect.sleep(every))))
})

/** Fails where the options or the state directory are to blame; what the log does fails nothing. @experimental */
export const publishRegistry = (options: PublishOptions): Layer.Layer<never, AgentFailed, Transport | SelfMetrics> =>
  Layer.effectDiscard(make(options))
