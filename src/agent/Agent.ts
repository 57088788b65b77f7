/**
 * Agent: beside the services: what they dump to files goes to the log, within a second of being written. It claims its epoch,
 * fixes the partition base when the log is first reached, looks at the files, asks the endpoints and hands their rounds to the outbox.
 *
 * It starts and stays up without the log: files are looked at, the newest round of each source waits. Its Scope's close takes one
 * last look, gives the last rounds `shutdownTimeout` to get through, and says what did not. It fails, rather than
 * staying up uselessly, where only a person can help: options, state directory, credentials, a partition base beyond the topic.
 */
import { Context, Deferred, Effect, Exit, Layer, Schedule, Scope } from "effect"
import { SelfMetrics } from "../SelfMetrics.ts"
import type { Transport } from "../transport/Transport.ts"
import { version } from "../version.ts"
import { AgentFailed } from "./AgentFailed.ts"
import { type AgentOptions, optionProblem } from "./AgentOptions.ts"
import * as DumpSource from "./dump/DumpSource.ts"
import { claimEpoch, keepEpoch } from "./Epoch.ts"
import { kindOf } from "./files/Refusals.ts"
import type { SourceStatus } from "./Lane.ts"
import * as Outbox from "./Outbox.ts"
import { sourcesMove } from "./Partitioner.ts"
import { relabelling } from "./RelabelSink.ts"
import * as SelfSource from "./SelfSource.ts"
import { ownState } from "./StateLock.ts"
import * as ScrapeSource from "./scrape/ScrapeSource.ts"
import { connect, onDisk, type UplinkWords } from "./Uplink.ts"

export { AgentFailed }

export interface AgentStatus {
  readonly topic: string
  readonly epoch: number
  /** null until the log was reached for the first time. */
  readonly partitionBase: number | null
  readonly bufferBytes: number
  readonly files: ReadonlyArray<DumpSource.FileStatus>
  readonly targets: ReadonlyArray<ScrapeSource.TargetStatus>
  /** Why no dump file can be looked at, for people; undefined where some can. */
  readonly uselessness: string | undefined
  readonly sources: ReadonlyArray<SourceStatus>
}

/** Between two times that what was read is handed over, ms. */
const lookEvery = 100

const words: UplinkWords = {
  ...sourcesMove,
  spread: "sources",
  meanwhile: "the newest round of each source waits"
}

/** Where the directory cannot be written now: the number is kept as soon as it can be. */
const keepLater = ({ stateDir, keepEvery }: AgentOptions, epoch: number): Effect.Effect<void> =>
  Effect.tryPromise(() => keepEpoch(stateDir, epoch)).pipe(
    Effect.retry(Schedule.spaced(keepEvery)),
    Effect.orDie,
    Effect.andThen(Effect.logInfo(`${stateDir} takes the epoch ${epoch} now`))
  )

const make = Effect.fnUntraced(function* (options: AgentOptions) {
  const metrics = yield* SelfMetrics
  const problem = optionProblem(options)
  if (problem !== null) return yield* new AgentFailed({ message: problem })
  yield* ownState(options.stateDir, options.stateWait).pipe(
    Effect.mapError(
      (owner) =>
        new AgentFailed({
          message: `the state directory ${options.stateDir} is another agent's (${owner}): give each agent a --state-dir of its own, or stop that one`
        })
    )
  )
  const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
  const { epoch, warning, kept } = yield* onDisk(() => claimEpoch(options.stateDir, now))
  if (warning !== null) yield* Effect.logWarning(warning)
  if (!kept) yield* Effect.forkScoped(keepLater(options, epoch))

  // Finalizers run from the last to the first: the looks end, the last rounds go out, then the connections close.
  const connections = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const failed = yield* Deferred.make<never, AgentFailed>()
  const connected = yield* Deferred.make<Outbox.Connection>()
  let base: number | null = null
  const { topic, labels, compression, maxRequestBytes } = options
  const outbox = yield* Outbox.make(
    {
      topic,
      epoch,
      labels,
      giveUpAfter: options.expiry / 2,
      maxBytes: options.bufferBytes,
      maxRequestBytes,
      compression
    },
    Deferred.await(connected)
  )
  const sink = relabelling(outbox, options.relabel, metrics)
  const scrapes = yield* ScrapeSource.make({
    targets: options.targets,
    host: options.host,
    maxBytes: options.maxDumpBytes
  })
  const { dumps, staticDumps: statics, excludes, host, stateDir, poll, settle, globEvery, expiry } = options
  const source = yield* DumpSource.make({
    ...{ dumps, statics, excludes, host, stateDir, poll, settle, globEvery, expiry },
    taken: scrapes.targets().map((target) => [target.source, target.url] as const),
    maxBytes: options.maxDumpBytes
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

  yield* connect(options, words, connections).pipe(
    Effect.flatMap((connection) => {
      base = connection.base
      return Deferred.succeed(connected, connection)
    }),
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
    // A service that stops with the agent has just written its last dump.
    Effect.raceFirst(source.lastLook, Effect.forever(Effect.andThen(look, Effect.sleep(lookEvery)))).pipe(
      Effect.andThen(look),
      Effect.andThen(outbox.idle),
      Effect.interruptible,
      Effect.timeoutOption(options.shutdownTimeout),
      Effect.andThen(
        Effect.suspend(() => {
          const unsent = outbox.abandon()
          return unsent === 0
            ? Effect.void
            : Effect.logWarning(
                `stopped with ${unsent} rounds that the log did not take within ${options.shutdownTimeout} ms; the next start sends the files as they are then`
              )
        })
      )
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
      topic,
      epoch,
      partitionBase: base,
      bufferBytes: outbox.bytes(),
      files: source.files(),
      targets: scrapes.targets(),
      uselessness: source.uselessness(),
      sources: outbox.sources()
    }),
    failed: Deferred.await(failed)
  })
})

export class Agent extends Context.Service<
  Agent,
  {
    readonly status: () => AgentStatus
    /** Never succeeds; fails where only a person can help. Whoever runs an agent races its work with this. */
    readonly failed: Effect.Effect<never, AgentFailed>
  }
>()("k2p/agent/Agent") {
  static readonly layer = (options: AgentOptions): Layer.Layer<Agent, AgentFailed, Transport | SelfMetrics> =>
    Layer.effect(Agent, make(options))

  /** The agent until it is interrupted (then it flushes) or fails. */
  static readonly run = (options: AgentOptions): Effect.Effect<never, AgentFailed, Transport | SelfMetrics> =>
    Effect.scoped(Effect.flatMap(Layer.build(Agent.layer(options)), (context) => Context.get(context, Agent).failed))
}
