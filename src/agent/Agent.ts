/**
 * Agent: beside the services: what they dump to files goes to the log, within a second of being written. It claims its epoch,
 * fixes the partition base when the log is first reached, looks at the files, asks the endpoints and hands their rounds to the outbox.
 *
 * It starts and stays up without the log: files are looked at, the newest round of each source waits. Its Scope's close takes one
 * last look, gives the last rounds `shutdownTimeout` to get through, and says what did not. It fails, rather than
 * staying up uselessly, where only a person can help: options, state directory, credentials, a partition base beyond the topic.
 */
import { Context, Deferred, Effect, Layer } from "effect"
import { SelfMetrics } from "../SelfMetrics.ts"
import type { Transport } from "../transport/Transport.ts"
import { version } from "../version.ts"
import { AgentFailed } from "./AgentFailed.ts"
import { type AgentOptions, optionProblem } from "./AgentOptions.ts"
import * as DumpSource from "./dump/DumpSource.ts"
import type { FileStatus } from "./files/Files.ts"
import { kindOf } from "./files/Refusals.ts"
import type { LaneStatus } from "./Lane.ts"
import { relabelling } from "./RelabelSink.ts"
import * as SelfSource from "./SelfSource.ts"
import * as Sending from "./Sending.ts"
import type { TargetStatus } from "./scrape/ScrapeSource.ts"
import * as ScrapeSource from "./scrape/ScrapeSource.ts"

/** What an agent does now. A copy; taking it costs a walk over its files and sources. @stable */
export interface AgentStatus {
  /** Where rounds go. */
  readonly topic: string
  /** Of this run: higher than each one before. */
  readonly epoch: number
  /** null until the log was reached for the first time. */
  readonly partitionBase: number | null
  /** Of all rounds that wait for the log. */
  readonly bufferBytes: number
  /** Every dump file that is known. */
  readonly files: ReadonlyArray<FileStatus>
  /** Every endpoint that is asked. */
  readonly targets: ReadonlyArray<TargetStatus>
  /** Why no dump file can be looked at, for people; undefined where some can. */
  readonly uselessness: string | undefined
  /** What the log has of each, and what waits. */
  readonly sources: ReadonlyArray<LaneStatus>
}

/** Between two times that what was read is handed over, ms. */
const lookEvery = 100

const make = Effect.fnUntraced(function* (options: AgentOptions) {
  const metrics = yield* SelfMetrics
  const problem = optionProblem(options)
  if (problem !== null) return yield* new AgentFailed({ message: problem })
  const sending = yield* Sending.make(options)
  const { outbox } = sending
  const failed = yield* Deferred.make<never, AgentFailed>()
  const sink = relabelling(outbox, options.relabel, metrics)
  const scrapes = yield* ScrapeSource.make(options)
  const source = yield* DumpSource.make({
    ...options,
    taken: scrapes.targets().map((target) => [target.source, target.url] as const)
  })

  const self = SelfSource.make({
    host: options.host,
    every: options.selfEvery,
    text: metrics.text,
    rival: (id) =>
      source.files().find((file) => file.source === id)?.path ??
      scrapes.targets().find((target) => target.source === id)?.url
  })
  metrics.whenAgentIsAsked(() => {
    const { agentFiles, agentDumpAge, agentDumpShown, agentDumpRefused, agentSources, agentSent } = metrics
    for (const gauge of [agentFiles, agentDumpAge, agentDumpShown, agentDumpRefused, agentSources, agentSent])
      gauge.reset()
    for (const { source: id, state, sinceChange, refused } of source.files()) {
      agentFiles.inc({ state })
      if (state === "duplicate") continue
      if (sinceChange !== null) agentDumpAge.set({ source: id }, sinceChange / 1000)
      if (refused === undefined || kindOf(refused) === "") continue
      agentDumpShown.set({ source: id }, refused.shown)
      agentDumpRefused.set({ source: id }, refused.lines)
    }
    metrics.agentLookAge.set(source.lookAge() / 1000)
    for (const { source: id, sentTime, problem, pending } of outbox.sources()) {
      agentSources.inc({ state: problem !== "" ? "trouble" : pending > 0 ? "waiting" : "sent" })
      if (sentTime !== null) agentSent.set({ source: id }, sentTime / 1000)
    }
    metrics.agentBufferBytes.set(outbox.bytes())
    metrics.agentBuildInfo.set({ version }, 1)
  })

  yield* sending.connect.pipe(
    Effect.catch((error) => Deferred.fail(failed, error)),
    Effect.catchDefect((defect) => Deferred.die(failed, defect)),
    Effect.forkScoped
  )

  // Before its files are known, one of them may have the id of the agent's own metrics.
  const look = Effect.andThen(
    source.look(sink),
    Effect.suspend(() => (source.areKnown() ? self.look(outbox) : Effect.void))
  )

  yield* Effect.addFinalizer(() =>
    Sending.lastRounds(
      sending,
      // A service that stops with the agent has just written its last dump.
      Effect.andThen(
        Effect.raceFirst(source.lastLook, Effect.forever(Effect.andThen(look, Effect.sleep(lookEvery)))),
        look
      ),
      options.shutdownTimeout,
      "the next start sends the files as they are then"
    )
  )

  yield* look.pipe(
    Effect.andThen(Effect.sleep(lookEvery)),
    Effect.forever,
    Effect.catchDefect((defect) => Deferred.die(failed, defect)),
    Effect.forkScoped
  )

  yield* scrapes.run(sink).pipe(
    Effect.catchDefect((defect) => Deferred.die(failed, defect)),
    Effect.forkScoped
  )

  return Agent.of({
    status: () => ({
      topic: options.topic,
      epoch: sending.epoch,
      partitionBase: sending.base(),
      bufferBytes: outbox.bytes(),
      files: source.files(),
      targets: scrapes.targets(),
      uselessness: source.uselessness(),
      sources: outbox.sources()
    }),
    failed: Deferred.await(failed)
  })
})

/** What services dump to files goes to the log while it lives; at its end the last rounds get `shutdownTimeout`. It stays up without the log and fails only where a person can help. @stable */
export class Agent extends Context.Service<
  Agent,
  {
    /** As of now; a copy. */
    readonly status: () => AgentStatus
    /** Never succeeds; fails where only a person can help. Whoever runs an agent races its work with this. */
    readonly failed: Effect.Effect<never, AgentFailed>
  }
>()("k2p/agent/Agent") {
  /** An agent for as long as the Layer lives. Fails where its options or its state directory cannot be used. */
  static readonly layer = (options: AgentOptions): Layer.Layer<Agent, AgentFailed, Transport | SelfMetrics> =>
    Layer.effect(Agent, make(options))

  /** The agent until it is interrupted (then it flushes) or fails. */
  static readonly run = (options: AgentOptions): Effect.Effect<never, AgentFailed, Transport | SelfMetrics> =>
    Effect.scoped(Effect.flatMap(Layer.build(Agent.layer(options)), (context) => Context.get(context, Agent).failed))
}
