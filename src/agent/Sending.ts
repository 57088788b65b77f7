/**
 * Sending: what an agent of files and a service that publishes its own registry have in common: the epoch, the first reach of the log with
 * the partition base, the outbox behind it, and the time that the last rounds get at the end. What is sent is the caller's.
 *
 * With a state directory, epoch and base are kept there, and the directory is this sender's alone. Without one the base must be told, and
 * the epoch is the clock's: after a restart with a clock that was set back, pods ignore the source until its old rounds have expired.
 */
import { Deferred, Effect, Exit, Schedule, Scope } from "effect"
import type { Transport } from "../transport/Transport.ts"
import { AgentFailed } from "./AgentFailed.ts"
import type { AgentOptions } from "./AgentOptions.ts"
import { claimEpoch, keepEpoch, nextEpoch } from "./Epoch.ts"
import * as Outbox from "./Outbox.ts"
import { sourcesMove } from "./Partitioner.ts"
import { ownState } from "./StateLock.ts"
import { connect, onDisk, type UplinkWords } from "./Uplink.ts"

export interface SendingOptions
  extends Pick<
    AgentOptions,
    | "topic"
    | "clientId"
    | "labels"
    | "partitionBase"
    | "acks"
    | "compression"
    | "maxRequestBytes"
    | "expiry"
    | "bufferBytes"
    | "stateWait"
    | "keepEvery"
  > {
  /** Undefined: nothing is kept. */
  readonly stateDir: string | undefined
}

export interface Sending {
  readonly epoch: number
  readonly outbox: Outbox.Outbox
  /** Null until the log was reached. */
  readonly base: () => number | null
  /** Reaches the log for the first time, however long it takes. To be run beside the rest; what is offered waits for it. */
  readonly connect: Effect.Effect<void, AgentFailed, Transport>
}

const words: UplinkWords = {
  ...sourcesMove,
  spread: "sources",
  meanwhile: "the newest round of each source waits"
}

/** Where the directory cannot be written now: the number is kept as soon as it can be. */
const keepLater = (stateDir: string, keepEvery: number, epoch: number): Effect.Effect<void> =>
  Effect.tryPromise(() => keepEpoch(stateDir, epoch)).pipe(
    Effect.retry(Schedule.spaced(keepEvery)),
    Effect.orDie,
    Effect.andThen(Effect.logInfo(`${stateDir} takes the epoch ${epoch} now`))
  )

/** This run's; the state directory is ours for the Scope's life. */
const epochOf = Effect.fnUntraced(function* ({ stateDir, stateWait, keepEvery }: SendingOptions) {
  const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
  if (stateDir === undefined) return nextEpoch(null, now)
  yield* ownState(stateDir, stateWait).pipe(
    Effect.mapError(
      (owner) =>
        new AgentFailed({
          message: `the state directory ${stateDir} is another agent's (${owner}): give each agent a --state-dir of its own, or stop that one`
        })
    )
  )
  const { epoch, warning, kept } = yield* onDisk(() => claimEpoch(stateDir, now))
  if (warning !== null) yield* Effect.logWarning(warning)
  if (!kept) yield* Effect.forkScoped(keepLater(stateDir, keepEvery, epoch))
  return epoch
})

export const make = Effect.fnUntraced(function* (options: SendingOptions) {
  const epoch = yield* epochOf(options)
  // Finalizers run from the last to the first: what the caller adds for the last rounds, then the senders end, then the connections.
  const connections = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const connected = yield* Deferred.make<Outbox.Connection>()
  let base: number | null = null
  const { topic, labels, compression, maxRequestBytes, bufferBytes: maxBytes } = options
  const outbox = yield* Outbox.make(
    { topic, epoch, labels, giveUpAfter: options.expiry / 2, maxBytes, maxRequestBytes, compression },
    Deferred.await(connected)
  )
  const sending: Sending = {
    epoch,
    outbox,
    base: () => base,
    connect: Effect.gen(function* () {
      const own = yield* Scope.fork(connections)
      const connection = yield* Effect.onError(connect(options, words, own), () => Scope.close(own, Exit.void))
      base = connection.base
      yield* Deferred.succeed(connected, connection)
    })
  }
  return sending
})

/** The last rounds get `timeout` ms to reach the log. `last` hands them over; `otherwise` says what becomes of those that do not. */
export const lastRounds = (
  { outbox }: Sending,
  last: Effect.Effect<void>,
  timeout: number,
  otherwise: string
): Effect.Effect<void> =>
  last.pipe(
    Effect.andThen(outbox.idle),
    Effect.interruptible,
    Effect.timeoutOption(timeout),
    Effect.andThen(
      Effect.suspend(() => {
        const unsent = outbox.abandon()
        return unsent === 0
          ? Effect.void
          : Effect.logWarning(
              `stopped with ${unsent} rounds that the log did not take within ${timeout} ms; ${otherwise}`
            )
      })
    )
  )
