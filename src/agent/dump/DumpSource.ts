/**
 * DumpSource: the registry dumps that globs name, as rounds. All that is done with files is done by the looker, a process of its own
 * (files/Looker): what hangs there hangs here nothing. A look hands over what the looker has read since, and tells people what
 * it said.
 *
 * A source that keeps failing harms only itself: it is told once when its trouble begins and once when it ends, counted in the
 * agent's status, and looked at again. A file that is deleted ends nothing: its series leave with the expiry, as a stopped
 * service's do. Two files whose names give the same source id are an error for people: the first keeps the id, the other is not sent.
 */
import { Clock, Deferred, Effect, type Scope } from "effect"
import type { AgentSource, RoundSink } from "../AgentSource.ts"
import { type FileStatus, Files } from "../files/Files.ts"
import { giveBackMemory } from "../files/GiveBack.ts"
import { LookerProcess } from "../files/LookerProcess.ts"
import { Places, readPlaces } from "../files/Places.ts"
import type { FromLooker, LookerOptions } from "../files/Wire.ts"

export type { FileStatus } from "../files/Files.ts"

export interface DumpSourceOptions extends LookerOptions {
  /** Where it is kept which part of each file is its last dump. */
  readonly stateDir: string
}

export interface DumpSource extends AgentSource {
  readonly files: () => ReadonlyArray<FileStatus>
  /** All files are known that could be found; or none can be, for long. */
  readonly areKnown: () => boolean
  /** What is wrong beside single files, for people. */
  readonly troubles: () => ReadonlyArray<string>
  /** Ms since some operation on dump files returned. */
  readonly lookAge: () => number
  /** Why no dump file can be looked at; undefined where some can. */
  readonly uselessness: () => string | undefined
  /** Has all files looked at once more, also those that are polled seldom; ends when that is done. */
  readonly lastLook: Effect.Effect<void>
}

const keepEvery = 5_000
const keepTimeout = 2_000
/** Ms from when all files are known until what that took is given back. */
const giveBackAfter = 10_000

export const make = Effect.fnUntraced(function* (
  options: DumpSourceOptions
): Effect.fn.Return<DumpSource, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const now = (): number => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  const kept = yield* Effect.promise(() => readPlaces(options.stateDir))
  if (kept.problem !== "") yield* Effect.logWarning(kept.problem)
  const places = new Places(options.stateDir, kept.places)
  const files = new Files({
    expiry: options.expiry,
    now,
    note: (path, place) => places.note(path, place),
    forget: (path) => places.forget(path)
  })
  /** Bytes that the looker may read now, by file, and those of rounds that were not handed over yet. */
  const granted = new Map<number, number>()
  let reading = 0
  let arrived = 0
  let sink: RoundSink | undefined
  let looked = Deferred.makeUnsafe<void>()
  let keptAt = now()
  let cannotKeep = false
  let giveBackAt: number | undefined
  const warnings: Array<string> = []

  const giveBack = (id: number): void => {
    reading -= granted.get(id) ?? 0
    granted.delete(id)
  }
  const onMessage = (message: FromLooker, body: Buffer): void => {
    if (message.t === "ask") {
      const source = files.sourceOf(message.id)
      const ok = source !== undefined && sink?.room(source, message.bytes + reading + arrived) === true
      if (ok) {
        granted.set(message.id, message.bytes)
        reading += message.bytes
      }
      looker.send({ t: "room", id: message.id, ok })
    } else if (message.t === "none") giveBack(message.id)
    else if (message.t === "looked") Deferred.doneUnsafe(looked, Effect.void)
    else {
      if (message.t === "walked" && !files.areKnown) giveBackAt = now() + giveBackAfter
      if (message.t === "round") {
        giveBack(message.id)
        arrived += body.length
      }
      files.accept(message, body)
    }
  }
  const lookerOptions: LookerOptions = {
    dumps: options.dumps,
    staticDumps: options.staticDumps,
    excludes: options.excludes,
    host: options.host,
    maxDumpBytes: options.maxDumpBytes,
    poll: options.poll,
    settle: options.settle,
    globEvery: options.globEvery,
    expiry: options.expiry,
    taken: options.taken
  }
  const known = () => {
    const taken = new Map(files.taken())
    return Array.from(places.entries(), ([path, place]) => [path, place, taken.get(path) ?? ""] as const)
  }
  const looker = yield* Effect.acquireRelease(
    Effect.sync(
      (): LookerProcess =>
        new LookerProcess({
          looker: lookerOptions,
          knows: () => ({ places: known() }),
          onMessage,
          onStart: () => {
            granted.clear()
            reading = 0
            files.begins()
          },
          warn: (text) => void warnings.push(text)
        })
    ),
    (process) => Effect.sync(() => process.close())
  )

  const keep = Effect.suspend(() => {
    keptAt = now()
    return Effect.promise(() =>
      places.keep().then(
        () => "",
        (error: unknown) => (error instanceof Error ? error.message : String(error))
      )
    ).pipe(
      Effect.timeoutOrElse({ duration: keepTimeout, orElse: () => Effect.succeed("the disk does not answer") }),
      Effect.flatMap((problem) => {
        if ((problem !== "") === cannotKeep) return Effect.void
        cannotKeep = problem !== ""
        const what = `where the last dump of each file begins cannot be kept in ${options.stateDir}`
        return cannotKeep
          ? Effect.logWarning(
              `${what} (${problem}): after a restart, files to which dumps are appended are sent from their next dump on`
            )
          : Effect.logInfo(`over: ${what}`)
      })
    )
  })
  yield* Effect.addFinalizer(() => keep)

  return {
    look: Effect.fnUntraced(function* (to) {
      sink = to
      for (const source of files.takeLeft()) to.gone(source)
      for (const round of files.takeRounds()) {
        arrived -= round.text.length
        yield* to.offer(round)
      }
      for (const warning of warnings.splice(0)) yield* Effect.logWarning(warning)
      for (const { level, text } of files.takeLines())
        yield* level === "error"
          ? Effect.logError(text)
          : level === "info"
            ? Effect.logInfo(text)
            : Effect.logWarning(text)
      if (now() - keptAt >= keepEvery) yield* keep
      if (giveBackAt !== undefined && now() >= giveBackAt) {
        giveBackAt = undefined
        giveBackMemory()
      }
    }),
    files: () => files.status(),
    areKnown: () => files.areKnown,
    troubles: () => files.openTroubles(),
    lookAge: () => files.lookAge(),
    uselessness: () => files.uselessness(),
    lastLook: Effect.suspend(() => {
      looked = Deferred.makeUnsafe<void>()
      looker.send({ t: "last" })
      return Deferred.await(looked)
    })
  }
})
