/**
 * LogTailing: the agent's end of its tailer: starts the process, says in the agent's log and metrics what it says, and starts another one
 * where it ends or says nothing. What was sent and not kept is sent again then, under the spans that it had. Its Scope's close has the
 * tailer finish what is under way, and kills it where that takes too long.
 */
import { extname } from "node:path"
import { Deferred, Effect, type Scope } from "effect"
import { Backoff } from "../../Backoff.ts"
import type { KafkaOptions } from "../../transport/kafka/connection/KafkaOptions.ts"
import { AgentFailed } from "../AgentFailed.ts"
import { SideProcess } from "../SideProcess.ts"
import type { LogOptions } from "./LogOptions.ts"
import type { LogStatus } from "./LogStatus.ts"
import type { FromTailer, ToTailer } from "./TailWire.ts"

/** TypeScript in a checkout, JavaScript in the package. */
const script = new URL(`./TailerMain${extname(import.meta.url)}`, import.meta.url)

/** Seconds: without a word for so long it hangs itself. */
const silence = 30
/** Seconds until its first word: on a machine that is short of time a process takes long to start, and longer if it is killed over it. */
const startSilence = 180
/** Ms: one that lived so long had no trouble from its start. */
const longLife = 60_000
/** Ms that its end may take beyond what is under way. */
const stopExtra = 5_000

const backoff = new Backoff(250, 10_000)

type Tailer = SideProcess<ToTailer, FromTailer>

export interface LogTailing {
  /** What the tailer said last; undefined before its first word. */
  readonly status: () => LogStatus | undefined
  /** Never succeeds; fails where only a person can help. */
  readonly failed: Effect.Effect<never, AgentFailed>
}

const report = (message: FromTailer & { t: "line" }): Effect.Effect<void> => {
  const { level, text } = message
  if (level === "error") return Effect.logError(text)
  if (level === "warning") return Effect.logWarning(text)
  return level === "info" ? Effect.logInfo(text) : Effect.logDebug(text)
}

/** `onStatus`: each time that the tailer tells; its numbers begin anew with each process. */
export const startTailing = (
  options: LogOptions,
  kafka: KafkaOptions,
  onStatus: (status: LogStatus) => void
): Effect.Effect<LogTailing, never, Scope.Scope> =>
  Effect.gen(function* () {
    const failed = yield* Deferred.make<never, AgentFailed>()
    let status: LogStatus | undefined
    let present: Tailer | undefined
    let isClosing = false
    const lines: Array<FromTailer & { t: "line" }> = []
    const onMessage = (message: FromTailer): void => {
      if (message.t === "line") lines.push(message)
      else if (message.t === "failed")
        Deferred.doneUnsafe(failed, Effect.fail(new AgentFailed({ message: message.message })))
      else {
        status = message.status
        onStatus(status)
      }
    }
    const tell = Effect.suspend(() => Effect.all(lines.splice(0).map(report), { discard: true }))
    const one = Effect.gen(function* () {
      const tailer: Tailer = new SideProcess({ script, semiSpace: 2, threads: 32, onMessage })
      tailer.send({ t: "start", options, kafka })
      present = tailer
      const allowed = () => (tailer.hasSpoken ? silence : startSilence)
      const silent = Effect.sleep(1_000).pipe(
        Effect.repeat({ until: () => tailer.isSilentFor(allowed()) }),
        Effect.map(() => `it said nothing for ${allowed()} s`)
      )
      const why = yield* Effect.raceFirst(
        Effect.promise(() => tailer.ended),
        silent
      )
      tailer.abandon()
      return why
    })
    const running = Effect.gen(function* () {
      for (let deaths = 0; !isClosing; ) {
        const began = performance.now()
        const why = yield* one
        if (isClosing || (yield* Deferred.isDone(failed))) return
        deaths = performance.now() - began >= longLife ? 1 : deaths + 1
        const pause = yield* backoff.pause(deaths)
        yield* tell
        yield* Effect.logWarning(
          `the process that tails the log files has ended (${why}); another one takes over in ${Math.round(pause)} ms`
        )
        yield* Effect.sleep(pause)
      }
    })
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        isClosing = true
        const tailer = present
        if (tailer === undefined) return Effect.void
        tailer.send({ t: "stop" })
        return Effect.promise(() => tailer.ended).pipe(
          Effect.interruptible,
          Effect.timeoutOption(options.shutdownTimeout + stopExtra),
          Effect.andThen(Effect.sync(() => tailer.abandon())),
          Effect.andThen(tell)
        )
      })
    )
    yield* Effect.forkScoped(Effect.catchDefect(running, (defect) => Deferred.die(failed, defect)))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(tell, Effect.sleep(100))))
    return { status: () => status, failed: Deferred.await(failed) }
  })
