/** Real files, looked at step by step: each look happens when the test says so, time passes only through TestClock. */
import { appendFile, mkdir, mkdtemp, open, rename, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Round, RoundSink } from "../../../src/agent/AgentSource.ts"
import { patience } from "../../../src/agent/dump/DumpFile.ts"
import { type DumpSource, type DumpSourceOptions, make } from "../../../src/agent/dump/DumpSource.ts"

class Recorder implements RoundSink {
  readonly rounds: Array<Round> = []
  readonly left: Array<string> = []
  full = false
  readonly room = () => !this.full
  readonly offer = (round: Round) => Effect.sync(() => void this.rounds.push(round))
  readonly gone = (source: string) => void this.left.push(source)
  /** The texts taken since the last call. */
  texts(): ReadonlyArray<string> {
    return this.rounds.splice(0).map((round) => Buffer.from(round.text).toString())
  }
}

const files = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "k2p-dumps-"))),
  (dir) => Effect.promise(() => rm(dir, { recursive: true, force: true }))
)

const setUp = Effect.fnUntraced(function* (
  globs: ReadonlyArray<string> = ["*.prom"],
  options: Partial<DumpSourceOptions> = {}
) {
  const dir = yield* files
  const sink = new Recorder()
  const source: DumpSource = make({
    globs: globs.map((glob) => join(dir, glob)),
    host: "h",
    taken: new Map(),
    maxBytes: 1_000_000,
    globEvery: 0,
    ...options
  })
  return {
    dir,
    sink,
    source,
    path: join(dir, "app.prom"),
    /** `count` looks; what they took. */
    look: Effect.fnUntraced(function* (count = 1) {
      for (let i = 0; i < count; i++) yield* source.look(sink)
      return sink.texts()
    }),
    state: () => source.files().map((file) => file.state)
  }
})

const io = <A>(work: () => Promise<A>) => Effect.promise(work)
const replace = (path: string, text: string) =>
  io(async () => {
    await writeFile(`${path}.tmp`, text)
    await rename(`${path}.tmp`, path)
  })

const dump = (value: number) => `# TYPE a counter\na ${value}\n# TYPE b gauge\nb ${value}\n`
const openMetrics = (value: number) => `# TYPE a counter\na_total ${value}\n# EOF\n`

describe("DumpSource", () => {
  it.effect("a file is taken at its second look, once, under its id", () =>
    Effect.gen(function* () {
      const { look, path, sink, source } = yield* setUp()
      assert.deepStrictEqual(yield* look(), [])
      yield* io(() => writeFile(path, dump(1)))
      assert.deepStrictEqual(yield* look(), [])
      yield* source.look(sink)
      assert.deepInclude(sink.rounds[0], { source: "h/app", job: "app", origin: path, format: "text" })
      assert.deepStrictEqual(sink.texts(), [dump(1)])
      assert.deepStrictEqual(yield* look(3), [])
    })
  )

  it.effect("each rename over the file is a round, also where the text is the same", () =>
    Effect.gen(function* () {
      const { look, path } = yield* setUp()
      const taken: Array<string> = []
      for (const value of [1, 2, 2, 1]) {
        yield* replace(path, dump(value))
        taken.push(...(yield* look(3)))
      }
      assert.deepStrictEqual(taken, [1, 2, 2, 1].map(dump))
    })
  )

  it.effect("a file rewritten in place is not taken while it changes", () =>
    Effect.gen(function* () {
      const { look, path } = yield* setUp()
      yield* io(() => writeFile(path, dump(1)))
      assert.deepStrictEqual(yield* look(2), [dump(1)])
      const file = yield* io(() => open(path, "w"))
      const text = dump(2)
      for (let i = 0; i < text.length; i += 9) {
        assert.deepStrictEqual(yield* look(), [])
        yield* io(() => file.write(text.slice(i, i + 9)))
      }
      yield* io(() => file.close())
      assert.deepStrictEqual(yield* look(), [])
      assert.deepStrictEqual(yield* look(), [dump(2)])
    })
  )

  it.effect("a pause in the middle of a line does not let a cut value through", () =>
    Effect.gen(function* () {
      const { look, path, state } = yield* setUp()
      yield* io(() => writeFile(path, dump(12345)))
      yield* look(2)
      yield* io(() => writeFile(path, dump(12345).slice(0, 20)))
      assert.deepStrictEqual(yield* look(5), [])
      assert.deepStrictEqual(state(), ["settling"])
      yield* TestClock.adjust(patience)
      assert.deepStrictEqual(yield* look(5), [])
      assert.deepStrictEqual(state(), ["incomplete"])
      yield* io(() => writeFile(path, dump(12346)))
      assert.deepStrictEqual(yield* look(2), [dump(12346)])
    })
  )

  it.effect("an empty file is not a round: an empty record would end the source", () =>
    Effect.gen(function* () {
      const { look, path } = yield* setUp()
      yield* io(() => writeFile(path, dump(1)))
      yield* look(2)
      yield* io(() => truncate(path, 0))
      assert.deepStrictEqual(yield* look(4), [])
      yield* TestClock.adjust(patience)
      assert.deepStrictEqual(yield* look(4), [])
    })
  )

  it.effect("a file that became shorter is a round", () =>
    Effect.gen(function* () {
      const { look, path } = yield* setUp()
      yield* io(() => writeFile(path, dump(1)))
      yield* look(2)
      const end = dump(1).indexOf("# TYPE b")
      yield* io(() => truncate(path, end))
      assert.deepStrictEqual(yield* look(2), [dump(1).slice(0, end)])
    })
  )

  it.effect("of a file that whole dumps are appended to, the last dump is the round", () =>
    Effect.gen(function* () {
      const { look, path } = yield* setUp()
      const taken: Array<string> = []
      for (const value of [1, 2, 3]) {
        yield* io(() => appendFile(path, dump(value)))
        taken.push(...(yield* look(2)))
      }
      yield* io(() => appendFile(path, dump(4) + dump(5)))
      taken.push(...(yield* look(2)))
      assert.deepStrictEqual(taken, [1, 2, 3, 5].map(dump))
    })
  )

  it.effect("a growing file is read from its end once it is larger than a dump may be", () =>
    Effect.gen(function* () {
      const { look, path } = yield* setUp(["*.prom"], { maxBytes: 100 })
      yield* io(() => writeFile(path, dump(7).repeat(20)))
      assert.deepStrictEqual(yield* look(2), [dump(7)])
    })
  )

  it.effect("a dump larger than the limit is not taken and said so; a smaller one is taken again", () =>
    Effect.gen(function* () {
      const { look, path, source } = yield* setUp(["*.prom"], { maxBytes: 100 })
      yield* io(() => writeFile(path, `a 1\n${'b{x="1"} 1\n'.repeat(20)}`))
      assert.deepStrictEqual(yield* look(3), [])
      assert.deepInclude(source.files()[0], { state: "too-large", why: "its last dump is larger than 100 bytes" })
      yield* io(() => writeFile(path, dump(1)))
      assert.deepStrictEqual(yield* look(2), [dump(1)])
    })
  )

  it.effect("an OpenMetrics file renamed into place is taken at its first look", () =>
    Effect.gen(function* () {
      const { look, path } = yield* setUp()
      yield* replace(path, openMetrics(1))
      assert.deepStrictEqual(yield* look(2), [openMetrics(1)])
      yield* replace(path, openMetrics(2))
      assert.deepStrictEqual(yield* look(), [openMetrics(2)])
      assert.deepStrictEqual(yield* look(2), [])
    })
  )

  it.effect("an OpenMetrics file without its # EOF is being written, however long it stays so between lines", () =>
    Effect.gen(function* () {
      const { look, path } = yield* setUp()
      yield* io(() => writeFile(path, openMetrics(1)))
      yield* look(2)
      yield* io(() => writeFile(path, "# TYPE a counter\na_total 2\n"))
      assert.deepStrictEqual(yield* look(4), [])
      yield* io(() => appendFile(path, "# EOF\n"))
      assert.deepStrictEqual(yield* look(2), [openMetrics(2)])
    })
  )

  it.effect("a service that went from OpenMetrics to text is read after a while", () =>
    Effect.gen(function* () {
      const { look, path } = yield* setUp()
      yield* io(() => writeFile(path, openMetrics(1)))
      yield* look(2)
      yield* replace(path, dump(2))
      assert.deepStrictEqual(yield* look(3), [])
      yield* TestClock.adjust(patience)
      assert.deepStrictEqual(yield* look(), [dump(2)])
      yield* replace(path, dump(3))
      assert.deepStrictEqual(yield* look(2), [dump(3)])
    })
  )

  it.effect("a dump's time is the file's, and never ahead of this machine's clock", () =>
    Effect.gen(function* () {
      const { path, sink, source } = yield* setUp()
      yield* TestClock.setTime(5_000_000)
      yield* io(() => writeFile(path, dump(1)))
      yield* io(() => utimes(path, 4_000, 4_000))
      yield* Effect.repeat(source.look(sink), { times: 2 })
      yield* io(() => utimes(path, 6_000, 6_000))
      yield* Effect.repeat(source.look(sink), { times: 2 })
      assert.deepStrictEqual(
        sink.rounds.map((round) => round.time),
        [4_000_000, 5_000_000]
      )
    })
  )

  it.effect("what cannot be read is told, and read when it can be", () =>
    Effect.gen(function* () {
      const { look, path, source } = yield* setUp()
      yield* io(() => mkdir(path))
      assert.deepStrictEqual(yield* look(2), [])
      assert.deepInclude(source.files()[0], { state: "unreadable", why: "it is not a regular file" })
      yield* io(() => rm(path, { recursive: true }))
      yield* replace(path, dump(1))
      assert.deepStrictEqual(yield* look(2), [dump(1)])
      yield* io(() => rm(path))
      yield* io(() => symlink(path, path))
      assert.deepStrictEqual(yield* look(2), [])
      assert.deepInclude(source.files()[0], { state: "unreadable" })
      assert.include(source.files()[0]?.why, "ELOOP")
      yield* replace(path, dump(2))
      assert.deepStrictEqual(yield* look(2), [dump(2)])
    })
  )

  it.effect("a file that left is forgotten; one that comes back is a round again", () =>
    Effect.gen(function* () {
      const { look, path, sink } = yield* setUp()
      yield* replace(path, dump(1))
      yield* look(2)
      yield* io(() => rm(path))
      yield* look(2)
      assert.deepStrictEqual(sink.left, ["h/app"])
      yield* replace(path, dump(2))
      assert.deepStrictEqual(yield* look(2), [dump(2)])
    })
  )

  it.effect("two files with one id: the first is sent, the other is an error until the first has left", () =>
    Effect.gen(function* () {
      const { dir, look, source } = yield* setUp(["a/*.prom", "b/*.prom"])
      for (const [name, value] of [
        ["a", 1],
        ["b", 2]
      ] as const) {
        yield* io(() => mkdir(join(dir, name)))
        yield* replace(join(dir, name, "app.prom"), dump(value))
      }
      assert.deepStrictEqual(yield* look(3), [dump(1)])
      assert.deepStrictEqual(
        source.files().map((file) => [file.source, file.state]),
        [
          ["h/app", "taken"],
          ["h/app", "duplicate"]
        ]
      )
      yield* io(() => rm(join(dir, "a/app.prom")))
      assert.deepStrictEqual(yield* look(3), [dump(2)])
    })
  )

  it.effect("a file stays on disk while there is no room for it, and its newest dump is taken when there is", () =>
    Effect.gen(function* () {
      const { look, path, sink, state } = yield* setUp()
      sink.full = true
      yield* replace(path, dump(1))
      assert.deepStrictEqual(yield* look(3), [])
      assert.deepStrictEqual(state(), ["no-room"])
      yield* replace(path, dump(2))
      yield* look(2)
      sink.full = false
      assert.deepStrictEqual(yield* look(), [dump(2)])
    })
  )

  it.effect("temporary and hidden files are never rounds", () =>
    Effect.gen(function* () {
      const { dir, look } = yield* setUp(["*"])
      yield* io(() => writeFile(join(dir, ".app.prom.1-0.tmp"), dump(1)))
      yield* io(() => writeFile(join(dir, "app.prom.tmp"), dump(1)))
      assert.deepStrictEqual(yield* look(3), [])
    })
  )
})
