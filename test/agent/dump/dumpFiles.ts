/** A DumpSource on a folder of its own, with its real looker, and what it gives: rounds, and lines for people. */
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Logger } from "effect"
import type { Round, RoundSink } from "../../../src/agent/AgentSource.ts"
import { type DumpSourceOptions, make } from "../../../src/agent/dump/DumpSource.ts"

class Recorder implements RoundSink {
  readonly rounds: Array<Round> = []
  readonly left: Array<string> = []
  full = false
  readonly room = () => !this.full
  readonly offer = (round: Round) => Effect.sync(() => void this.rounds.push(round))
  readonly gone = (source: string) => void this.left.push(source)
}

export const files = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "k2p-dumps-"))),
  (dir) => Effect.promise(() => rm(dir, { recursive: true, force: true }))
)

export const start = Effect.fnUntraced(function* (
  dir: string,
  globs: ReadonlyArray<string>,
  options: Partial<DumpSourceOptions> = {}
) {
  const sink = new Recorder()
  const source = yield* make({
    taken: [],
    dumps: globs.map((glob) => join(dir, glob)),
    ...{ staticDumps: [], excludes: [], host: "h", maxDumpBytes: 1_000_000, poll: 20, settle: 60, globEvery: 50 },
    expiry: 90_000,
    stateDir: join(dir, "state"),
    ...options
  })
  const told: Array<string> = []
  const logger = Logger.layer([Logger.make(({ message }) => void told.push(String(message)))])
  const look = Effect.provide(source.look(sink), logger)
  return {
    ...{ sink, source, told },
    /** The texts of the next rounds, at least `count`. */
    take: Effect.fnUntraced(function* (count = 1) {
      yield* until(look, () => sink.rounds.length >= count)
      return sink.rounds.splice(0).map((round) => Buffer.from(round.text).toString())
    }),
    until: (holds: () => boolean) => until(look, holds),
    states: () => source.files().map((file) => `${file.source} ${file.state}`)
  }
})

const until = (look: Effect.Effect<void>, holds: () => boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (;;) {
      yield* look
      if (holds()) return
      yield* Effect.sleep(10)
    }
  }).pipe(
    Effect.timeoutOrElse({
      duration: 40_000,
      orElse: () => Effect.die(new Error(`the condition never held: ${holds}`))
    })
  )

export const setUp = Effect.fnUntraced(function* (
  globs: ReadonlyArray<string> = ["*.prom"],
  options: Partial<DumpSourceOptions> = {}
) {
  const dir = yield* files
  const started = yield* start(dir, globs, options)
  return { dir, path: join(dir, "app.prom"), ...started }
})

export const io = <A>(work: () => Promise<A>) => Effect.promise(work)
export const replace = (path: string, text: string) =>
  io(async () => {
    await writeFile(`${path}.tmp`, text)
    await rename(`${path}.tmp`, path)
  })

export const dump = (value: number) => `# TYPE a counter\na ${value}\n# TYPE b gauge\nb ${value}\n`
