/** Real files and the real looker, a process of its own for each test. It waits for rounds and conditions, never for time. */
import {
  appendFile,
  link,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile
} from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { dump, files, io, replace, setUp, start } from "./dumpFiles.ts"

const openMetrics = (value: number) => `# TYPE a counter\na_total ${value}\n# EOF\n`

describe.concurrent("DumpSource", () => {
  it.live("each rename over a file is a round under its id, also where the text is the same", () =>
    Effect.gen(function* () {
      const { path, sink, take, until } = yield* setUp()
      yield* replace(path, dump(1))
      yield* until(() => sink.rounds.length > 0)
      assert.deepInclude(sink.rounds[0], { source: "h/app", job: "app", origin: path, format: "text" })
      assert.deepStrictEqual(yield* take(), [dump(1)])
      for (const value of [2, 2, 1]) {
        yield* replace(path, dump(value))
        assert.deepStrictEqual(yield* take(), [dump(value)])
      }
    })
  )

  it.live("a file that is replaced ten times a second is taken again and again", () =>
    Effect.gen(function* () {
      const { path, sink, take } = yield* setUp(["*.prom"], { settle: 250, poll: 250 })
      let value = 0
      const writer = yield* Effect.forkChild(
        Effect.forever(
          Effect.andThen(
            Effect.suspend(() => replace(path, dump(++value))),
            Effect.sleep(100)
          )
        )
      )
      const taken = yield* take(4)
      yield* Fiber.interrupt(writer)
      assert.isTrue(taken.every((text) => /^# TYPE a counter\na \d+\n# TYPE b gauge\nb \d+\n$/.test(text)))
      assert.strictEqual(new Set(taken).size, taken.length)
      assert.strictEqual(sink.rounds.length, 0)
    })
  )

  it.live("a file rewritten in place is not taken while it changes", () =>
    Effect.gen(function* () {
      const { path, take } = yield* setUp(["*.prom"], { settle: 1_500 })
      yield* io(() => writeFile(path, dump(1)))
      assert.deepStrictEqual(yield* take(), [dump(1)])
      const file = yield* io(() => open(path, "w"))
      const text = dump(2)
      for (let i = 0; i < text.length; i += 9) yield* io(() => file.write(text.slice(i, i + 9)))
      yield* io(() => file.close())
      assert.deepStrictEqual(yield* take(), [dump(2)])
    })
  )

  it.live("a cut value is not taken, and is told when it stays so", () =>
    Effect.gen(function* () {
      const { path, sink, take, told, until } = yield* setUp()
      yield* replace(path, dump(12345))
      yield* take()
      yield* io(() => writeFile(path, dump(12345).slice(0, 20)))
      yield* until(() => told.some((text) => /is incomplete: its last line has no end/.test(text)))
      assert.strictEqual(sink.rounds.length, 0)
      yield* io(() => writeFile(path, dump(12346)))
      assert.deepStrictEqual(yield* take(), [dump(12346)])
      yield* until(() => told.some((text) => /is read again, it was incomplete/.test(text)))
    })
  )

  it.live("a dump of which pods leave lines out is sent, and told with the first line and the reason", () =>
    Effect.gen(function* () {
      const { path, source, take, told, until } = yield* setUp()
      yield* replace(path, "a 1\nb oops\n")
      assert.deepStrictEqual(yield* take(), ["a 1\nb oops\n"])
      yield* until(() =>
        told.some((text) => /is sent, but pods leave out 1 line of it \(value\), first line 2/.test(text))
      )
      assert.deepInclude(source.files()[0]?.refused, { shown: 1, lines: 1 })
    })
  )

  it.live("a file that never rests is told, and once when it does again", () =>
    Effect.gen(function* () {
      const { path, take, told, until } = yield* setUp(["*.prom"], { settle: 2_000 })
      const writer = yield* Effect.forkChild(
        Effect.forever(
          Effect.andThen(
            io(() => appendFile(path, `c{x="${Math.random()}"} 1\n`)),
            Effect.sleep(50)
          )
        )
      )
      yield* until(() => told.some((text) => text.includes("restless: it never rests")))
      yield* Fiber.interrupt(writer)
      yield* take()
      yield* until(() => told.some((text) => text.includes("is read again, it was restless")))
    })
  )

  it.live("an empty file is not a round: an empty record would end the source", () =>
    Effect.gen(function* () {
      const { path, take } = yield* setUp()
      yield* replace(path, dump(1))
      yield* take()
      yield* io(() => truncate(path, 0))
      yield* Effect.sleep(300)
      yield* replace(path, dump(2))
      assert.deepStrictEqual(yield* take(), [dump(2)])
    })
  )

  it.live("of a file that dumps are appended to the last one is taken, also after a restart", () =>
    Effect.gen(function* () {
      const dir = yield* files
      const path = join(dir, "app.prom")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { take } = yield* start(dir, ["*.prom"])
          for (const value of [1, 2, 3]) {
            yield* io(() => appendFile(path, dump(value)))
            assert.deepStrictEqual(yield* take(), [dump(value)])
          }
        })
      )
      const { take } = yield* start(dir, ["*.prom"])
      assert.deepStrictEqual(yield* take(), [dump(3)])
      yield* io(() => appendFile(path, dump(4)))
      assert.deepStrictEqual(yield* take(), [dump(4)])
    })
  )

  it.live("where nothing tells which dump is the last none is sent, and it is told with the line", () =>
    Effect.gen(function* () {
      const { path, take, told, until } = yield* setUp()
      yield* replace(path, dump(1) + dump(2))
      yield* until(() => told.some((text) => /is unknown: .*a comes again in line 6/.test(text)))
      yield* io(() => appendFile(path, dump(3)))
      assert.deepStrictEqual(yield* take(), [dump(3)])
      yield* replace(path, dump(4) + dump(5))
      assert.deepStrictEqual(yield* take(), [dump(4) + dump(5)])
    })
  )

  it.live("a state directory that cannot be written costs a line, not the agent", () =>
    Effect.gen(function* () {
      const dir = yield* files
      yield* io(() => writeFile(join(dir, "state"), ""))
      const { take, told, until } = yield* start(dir, ["*.prom"])
      yield* replace(join(dir, "app.prom"), dump(1))
      assert.deepStrictEqual(yield* take(), [dump(1)])
      yield* until(() => told.some((text) => /cannot be kept in .*state/.test(text)))
      yield* io(() => rm(join(dir, "state")))
      yield* until(() => told.some((text) => /^over: where the last dump/.test(text)))
      assert.include(yield* io(() => readFile(join(dir, "state/dump-places.json"), "utf8")), "app.prom")
    })
  )

  it.live("a dump larger than the limit is told by the option's name; a smaller one is taken again", () =>
    Effect.gen(function* () {
      const { path, source, take, until } = yield* setUp(["*.prom"], { maxDumpBytes: 100 })
      yield* replace(path, `a 1\n${'b{x="1"} 1\n'.repeat(20)}`)
      yield* until(() => source.files()[0]?.state === "too-large" || source.files()[0]?.state === "unknown")
      yield* replace(path, `a 1\n${'b{x="1"} 1\n'.repeat(20)}`)
      yield* until(() => source.files()[0]?.state === "too-large")
      assert.include(source.files()[0]?.why, "--max-dump-bytes, 100 bytes")
      yield* replace(path, dump(1))
      assert.deepStrictEqual(yield* take(), [dump(1)])
    })
  )

  it.live("OpenMetrics without its # EOF is being written", () =>
    Effect.gen(function* () {
      const { path, take } = yield* setUp()
      yield* replace(path, openMetrics(1))
      assert.deepStrictEqual(yield* take(), [openMetrics(1)])
      yield* io(() => writeFile(path, "# TYPE a counter\na_total 2\n"))
      yield* Effect.sleep(300)
      yield* io(() => appendFile(path, "# EOF\n"))
      assert.deepStrictEqual(yield* take(), [openMetrics(2)])
    })
  )

  it.live(
    "the file's time counts at its first sight alone: what changes afterwards is new, whatever its time says",
    () =>
      Effect.gen(function* () {
        const dir = yield* files
        const path = join(dir, "app.prom")
        yield* io(() => writeFile(path, dump(1)))
        yield* io(() => utimes(path, 0, 0))
        const { sink, source, told, until } = yield* start(dir, ["*.prom"])
        yield* until(() => told.some((text) => /app.prom .*is stale/.test(text)))
        assert.strictEqual(sink.rounds.length, 0)
        const began = Date.now()
        yield* io(async () => {
          await writeFile(`${path}.tmp`, dump(2))
          await utimes(`${path}.tmp`, 0, 0)
          await rename(`${path}.tmp`, path)
        })
        yield* until(() => sink.rounds.length > 0)
        const { age, time } = sink.rounds[0]!
        assert.isTrue(time >= began - 1_000 && time <= Date.now() && age < 30_000, `${time} ${age}`)
        assert.strictEqual(source.files()[0]?.state, "taken")
      })
  )

  it.live("a dump that is not written any more is told as stale, once", () =>
    Effect.gen(function* () {
      const { path, take, told, until } = yield* setUp(["*.prom"], { expiry: 1_500 })
      // It runs: what comes now is new.
      yield* until(() => told.some((text) => text.startsWith("no file matches")))
      yield* replace(path, dump(1))
      yield* take()
      yield* until(() => told.some((text) => /is stale: it was last written \d+ s ago/.test(text)))
      yield* replace(path, dump(2))
      yield* take()
      yield* until(() => told.some((text) => /is read again, it was stale/.test(text)))
    })
  )

  it.live("a static dump is sent again while it is there, however old it is", () =>
    Effect.gen(function* () {
      const dir = yield* files
      const path = join(dir, "role.prom")
      yield* io(() => writeFile(path, dump(1)))
      yield* io(() => utimes(path, 0, 0))
      const { take, until, states } = yield* start(dir, [], { staticDumps: [join(dir, "*.prom")], expiry: 1_500 })
      assert.deepStrictEqual(new Set(yield* take(3)), new Set([dump(1)]))
      yield* io(() => rm(path))
      yield* until(() => states().length === 0)
    })
  )

  it.live("many files of which the same is true are told in one line", () =>
    Effect.gen(function* () {
      const dir = yield* files
      for (let i = 0; i < 50; i++) {
        yield* io(() => writeFile(join(dir, `s${i}.prom`), dump(1)))
        yield* io(() => utimes(join(dir, `s${i}.prom`), 0, 0))
      }
      const { told, until } = yield* start(dir, ["*.prom"])
      yield* until(() => told.some((text) => /^50 dump files are stale: .* and 47 more/.test(text)))
      assert.strictEqual(told.filter((text) => text.includes("stale")).length, 1)
    })
  )

  it.live("what cannot be read is told, and read when it can be", () =>
    Effect.gen(function* () {
      const { path, source, take, until } = yield* setUp()
      const why = (pattern: RegExp) => () => pattern.test(source.files()[0]?.why ?? "")
      yield* io(() => mkdir(path))
      yield* until(why(/not a regular file/))
      yield* io(() => rm(path, { recursive: true }))
      yield* replace(path, dump(1))
      assert.deepStrictEqual(yield* take(), [dump(1)])
      yield* io(() => rm(path))
      yield* io(() => symlink(path, path))
      yield* until(why(/ELOOP/))
      yield* replace(path, dump(2))
      assert.deepStrictEqual(yield* take(), [dump(2)])
    })
  )

  it.live("a glob that matches nothing is named, with what is wrong, and once when it does match", () =>
    Effect.gen(function* () {
      const { dir, path, told, until } = yield* setUp(["*.prom", "nowhere/*.prom", "a.x,b.x"])
      yield* replace(path, dump(1))
      yield* until(() => told.filter((text) => text.startsWith("no file matches")).length >= 2)
      assert.isTrue(told.some((text) => text.includes(`${dir}/nowhere/*.prom so far; there is no directory`)))
      assert.isTrue(told.some((text) => text.includes("not separated by commas")))
      yield* io(() => mkdir(join(dir, "nowhere")))
      yield* replace(join(dir, "nowhere/b.prom"), dump(1))
      yield* until(() => told.some((text) => text.startsWith("over: no file matches") && text.includes("nowhere")))
    })
  )

  it.live("a Kubernetes volume's links are followed, also when they are swapped", () =>
    Effect.gen(function* () {
      const dir = yield* files
      yield* io(async () => {
        await mkdir(join(dir, "v/..1"), { recursive: true })
        await writeFile(join(dir, "v/..1/app.prom"), dump(1))
        await symlink("..1", join(dir, "v/..data"))
        await symlink("..data/app.prom", join(dir, "v/app.prom"))
      })
      const { take } = yield* start(dir, ["v/*.prom"])
      assert.deepStrictEqual(yield* take(), [dump(1)])
      yield* io(async () => {
        await mkdir(join(dir, "v/..2"))
        await writeFile(join(dir, "v/..2/app.prom"), dump(2))
        await symlink("..2", join(dir, "v/..tmp"))
        await rename(join(dir, "v/..tmp"), join(dir, "v/..data"))
      })
      assert.deepStrictEqual(yield* take(), [dump(2)])
    })
  )

  it.live("a name that is not UTF-8 is read as Latin-1", () =>
    Effect.gen(function* () {
      const dir = yield* files
      yield* io(() =>
        writeFile(Buffer.concat([Buffer.from(`${dir}/caf`), Buffer.from([0xe9]), Buffer.from(".prom")]), dump(1))
      )
      const { sink, until } = yield* start(dir, ["*.prom"])
      yield* until(() => sink.rounds.length > 0)
      assert.strictEqual(sink.rounds[0]?.source, "h/caf\u00e9")
    })
  )

  it.live("a file that left is forgotten; one that comes back is a round again", () =>
    Effect.gen(function* () {
      const { path, sink, take, until } = yield* setUp()
      yield* replace(path, dump(1))
      yield* take()
      yield* io(() => rm(path))
      yield* until(() => sink.left.length > 0)
      assert.deepStrictEqual(sink.left, ["h/app"])
      yield* replace(path, dump(2))
      assert.deepStrictEqual(yield* take(), [dump(2)])
    })
  )

  it.live("two files with one id: the first is sent, the other is an error until the first has left", () =>
    Effect.gen(function* () {
      const dir = yield* files
      for (const [name, value] of [
        ["a", 1],
        ["b", 2]
      ] as const) {
        yield* io(() => mkdir(join(dir, name)))
        yield* replace(join(dir, name, "app.prom"), dump(value))
      }
      const { take, states, until } = yield* start(dir, ["a/*.prom", "b/*.prom"])
      assert.deepStrictEqual(yield* take(), [dump(1)])
      yield* until(() => states().includes("h/app duplicate"))
      assert.deepStrictEqual(states().toSorted(), ["h/app duplicate", "h/app taken"])
      yield* io(() => rm(join(dir, "a/app.prom")))
      assert.deepStrictEqual(yield* take(), [dump(2)])
    })
  )

  it.live("a file that was another's rival is as old as it is when its id becomes its own", () =>
    Effect.gen(function* () {
      const dir = yield* files
      for (const name of ["a", "b"]) {
        yield* io(() => mkdir(join(dir, name)))
        yield* replace(join(dir, name, "app.prom"), dump(1))
      }
      yield* io(() => utimes(join(dir, "b/app.prom"), 0, 0))
      const { take, states, sink, until } = yield* start(dir, ["a/*.prom", "b/*.prom"])
      yield* take()
      yield* until(() => states().includes("h/app duplicate"))
      yield* io(() => rm(join(dir, "a/app.prom")))
      yield* until(() => states().join() === "h/app stale")
      assert.deepStrictEqual(sink.rounds, [])
    })
  )

  it.live("a file that is named, was moved away and comes back is a round again", () =>
    Effect.gen(function* () {
      const { dir, path, sink, take, until, states } = yield* setUp(["app.prom"])
      yield* replace(path, dump(1))
      yield* take()
      yield* io(() => rename(path, join(dir, "away")))
      yield* until(() => sink.left.length > 0)
      yield* io(() => rename(join(dir, "away"), path))
      assert.deepStrictEqual(yield* take(), [dump(1)])
      assert.deepStrictEqual(states(), ["h/app taken"])
    })
  )

  it.live("what a watch does not tell is found all the same, told, and polled for from then on", () =>
    Effect.gen(function* () {
      const { dir, path, take, told, until } = yield* setUp(["*.prom"], { expiry: 15_000 })
      yield* replace(path, dump(1))
      yield* take()
      // Written by another name, in a directory that nobody watches.
      yield* io(() => mkdir(join(dir, "elsewhere")))
      const other = join(dir, "elsewhere/app")
      yield* io(() => link(path, other))
      yield* io(() => appendFile(other, dump(2)))
      assert.deepStrictEqual(yield* take(), [dump(2)])
      yield* until(() =>
        told.some((text) => /the watch on .* missed a change of app.prom: its files are polled/.test(text))
      )
      yield* io(() => appendFile(other, dump(3)))
      assert.deepStrictEqual(yield* take(), [dump(3)])
    })
  )

  it.live("a file stays on disk while there is no room for it, and its newest dump is taken when there is", () =>
    Effect.gen(function* () {
      const { path, sink, states, take, until } = yield* setUp()
      sink.full = true
      yield* replace(path, dump(1))
      yield* until(() => states().includes("h/app no-room"))
      yield* replace(path, dump(2))
      yield* until(() => states().includes("h/app no-room"))
      sink.full = false
      assert.deepStrictEqual(yield* take(), [dump(2)])
    })
  )

  it.live("temporary and hidden files are never rounds, but one that is named is", () =>
    Effect.gen(function* () {
      const { dir, states, take } = yield* setUp(["*", ".h*"], { excludes: ["state"] })
      yield* io(() => writeFile(join(dir, ".app.prom.1-0.tmp"), dump(1)))
      yield* io(() => writeFile(join(dir, "app.tmp.prom"), dump(1)))
      yield* io(() => writeFile(join(dir, ".hidden"), dump(2)))
      assert.deepStrictEqual(yield* take(), [dump(2)])
      assert.deepStrictEqual(
        states().filter((state) => !state.includes(".hidden")),
        []
      )
    })
  )
})
