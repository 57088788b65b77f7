/** Log files to the log: real files, the embedded log, the real clock. It waits for lines, never for time. */
import { readFileSync } from "node:fs"
import { appendFile, copyFile, mkdir, rename, rm, symlink, truncate, unlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { gzip } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Place } from "../../../src/agent/log/Stream.ts"
import { parseSpan } from "../../../src/Span.ts"
import { until } from "../../support/until.ts"
import { io, judging, linesOf, onEmbedded, type Received, setUp, start } from "./tailing.ts"

const pack = promisify(gzip)
const holds = (condition: () => boolean) => until(condition, { what: "the agent's status", every: 5 })
const test = (name: string, body: Parameters<typeof onEmbedded<void>>[0]) => it.live(name, () => onEmbedded(body))
const all = (records: ReadonlyArray<Received>) => [...linesOf(records).values()].flat()
const has = (line: string) => (records: ReadonlyArray<Received>) =>
  records.some(({ value }) => value.split("\n").includes(line))
/** Lines of their own, long enough that a kilobyte tells files apart. */
const lines = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name} ${i} ${"x".repeat(50)}`)
const text = (some: ReadonlyArray<string>) => some.map((line) => `${line}\n`).join("")

describe("the agent tails log files", () => {
  test(
    "what is appended comes, in order, with its spans; a partial last line waits",
    Effect.gen(function* () {
      const { dir, options, until } = yield* setUp()
      const path = join(dir, "a.log")
      yield* io(() => writeFile(path, "one\r\ntwo\npart"))
      yield* start(options)
      yield* until(has("two"), "the first lines")
      yield* io(() => appendFile(path, "ial\n"))
      const records = yield* until(has("partial"), "the line that was partial")
      assert.deepStrictEqual(all(records), ["one\r", "two", "partial"])
      const [first, second] = records
      assert.deepStrictEqual([first!.from, first!.to, second!.from, second!.to], [0, 9, 9, 17])
      assert.strictEqual(first!.source, `h${path}`)
    })
  )

  test(
    "a file that is renamed is read to its end under its stream, before the new one of its name begins",
    Effect.gen(function* () {
      const { dir, options, until } = yield* setUp()
      const path = join(dir, "a.log")
      yield* io(() => writeFile(path, text(lines("old", 20))))
      yield* start(options)
      yield* until(has(lines("old", 20)[19]!), "the first lines")
      yield* io(async () => {
        await appendFile(path, text(lines("more", 20)))
        await rename(path, `${path}.1`)
        await writeFile(path, text(lines("new", 20)))
      })
      const records = yield* until(has(lines("new", 20)[19]!), "the new file")
      assert.deepStrictEqual(all(records), [...lines("old", 20), ...lines("more", 20), ...lines("new", 20)])
      assert.strictEqual(linesOf(records).size, 2)
      assert.strictEqual(new Set(records.map(({ source }) => source)).size, 1)
    })
  )

  test(
    "a file that is removed at once after its last line is read to its end",
    Effect.gen(function* () {
      const { dir, options, until } = yield* setUp()
      const path = join(dir, "a.log")
      yield* io(() => writeFile(path, text(lines("old", 5))))
      yield* start(options)
      yield* until(has(lines("old", 5)[4]!), "the first lines")
      yield* io(async () => {
        await appendFile(path, text(lines("last", 5)))
        await unlink(path)
      })
      yield* until(has(lines("last", 5)[4]!), "the last lines")
    })
  )

  test(
    "truncation begins a new stream, also where the file has grown beyond what was read by then",
    Effect.gen(function* () {
      const { dir, options, until } = yield* setUp()
      const path = join(dir, "a.log")
      yield* io(() => writeFile(path, text(lines("a", 10))))
      yield* start(options)
      yield* until(has(lines("a", 10)[9]!), "the first life")
      yield* io(() => writeFile(path, "short\n"))
      yield* until(has("short"), "the second life")
      yield* io(() => writeFile(path, text(lines("third", 40))))
      const records = yield* until(has(lines("third", 40)[39]!), "the third life")
      assert.deepStrictEqual([...linesOf(records).values()], [lines("a", 10), ["short"], lines("third", 40)])
    })
  )

  test(
    "a file that was written over with more than it had is another life, though it never was shorter at a look",
    Effect.gen(function* () {
      const { dir, options, until } = yield* setUp()
      const path = join(dir, "a.log")
      // Beyond the kilobyte by which its beginning is known, and with the same one.
      const head = lines("head", 40)
      yield* io(() => writeFile(path, text([...head, ...lines("a", 40)])))
      yield* start(options)
      yield* until(has(lines("a", 40)[39]!), "the first life")
      yield* io(() => writeFile(path, text([...head, ...lines("b", 80)])))
      const records = yield* until(has(lines("b", 80)[79]!), "the second life")
      assert.deepStrictEqual(
        [...linesOf(records).values()],
        [
          [...head, ...lines("a", 40)],
          [...head, ...lines("b", 80)]
        ]
      )
    })
  )

  test(
    "nothing of a stream is sent before the state directory has its name, and its beginning as far as it is sent",
    Effect.gen(function* () {
      const { dir, log, options, stateDir, until } = yield* setUp()
      const wrong: Array<string> = []
      yield* log.intercept((request) => {
        if (request.op !== "produce") return undefined
        const kept = JSON.parse(readFileSync(join(stateDir, "positions.json"), "utf8")) as { streams: Array<Place> }
        for (const { headers } of request.records) {
          const { stream, to } = parseSpan(Buffer.from(headers["k2p-span"]!).toString())!
          const place = kept.streams.find((one) => one.stream === stream)
          if (place === undefined || place.head.bytes < Math.min(1_024, to)) wrong.push(`${stream} to ${to}`)
        }
        return undefined
      })
      const path = join(dir, "a.log")
      yield* start(options)
      for (let n = 0; n < 30; n++) {
        const some = lines(String(n), 1 + (n % 3))
        yield* io(() => appendFile(path, text(some)))
        yield* until(has(some.at(-1)!), `lines ${n}`)
        if (n % 4 === 3) yield* io(() => rename(path, `${path}.${n}`))
      }
      assert.deepStrictEqual(wrong, [])
    })
  )

  test(
    "copytruncate: what was not read is read from the copy, under the old stream, and nothing twice",
    Effect.gen(function* () {
      const { dir, options, until, records } = yield* setUp()
      const path = join(dir, "a.log")
      yield* io(() => writeFile(path, text(lines("a", 30))))
      const first = yield* start(options)
      yield* until(has(lines("a", 30)[29]!), "the first lines")
      yield* first.stop
      yield* io(async () => {
        await appendFile(path, text(lines("b", 30)))
        await copyFile(path, `${path}.1`)
        await truncate(path)
        await appendFile(path, text(lines("c", 3)))
      })
      yield* start(options)
      yield* until((got) => has(lines("b", 30)[29]!)(got) && has(lines("c", 3)[2]!)(got), "copy and new life")
      assert.deepStrictEqual([...linesOf(records).values()], [[...lines("a", 30), ...lines("b", 30)], lines("c", 3)])
      assert.strictEqual(all(records).length, 63)
    })
  )

  test(
    "copytruncate while the agent looks: nothing twice",
    Effect.gen(function* () {
      const { dir, options, until, records } = yield* setUp()
      const path = join(dir, "a.log")
      yield* io(() => writeFile(path, text(lines("a", 30))))
      yield* start(options)
      yield* until(has(lines("a", 30)[29]!), "the first lines")
      yield* io(() => copyFile(path, `${path}.1`))
      yield* io(() => new Promise((resolve) => setTimeout(resolve, 300)))
      yield* io(() => truncate(path))
      yield* io(() => appendFile(path, text(lines("c", 3))))
      yield* until(has(lines("c", 3)[2]!), "the new life")
      assert.deepStrictEqual([...linesOf(records).values()], [lines("a", 30), lines("c", 3)])
    })
  )

  test(
    "several rotations while the agent is down, the first file packed: what was known is read from it, and nothing twice",
    Effect.gen(function* () {
      const { dir, options, until, records } = yield* setUp()
      const path = join(dir, "a.log")
      yield* io(() => writeFile(path, text(lines("a", 40))))
      const first = yield* start(options)
      yield* until(has(lines("a", 40)[39]!), "the first lines")
      yield* first.stop
      const whole = text([...lines("a", 40), ...lines("rest", 40)])
      yield* io(async () => {
        await writeFile(join(dir, "a.log.2.gz"), await pack(whole))
        await writeFile(join(dir, "a.log.3.gz"), await pack(text(lines("stranger", 40))))
        await unlink(path)
        await writeFile(`${path}.1`, text(lines("b", 40)))
        await writeFile(path, text(lines("c", 40)))
      })
      const second = yield* start(options)
      for (const name of ["rest", "b", "c"]) yield* until(has(lines(name, 40)[39]!), name)
      assert.deepStrictEqual(
        all(records).toSorted(),
        ["a", "rest", "b", "c"].flatMap((name) => lines(name, 40)).toSorted()
      )
      assert.strictEqual(linesOf(records).size, 3)
      assert.strictEqual(second.agent.status().packedFiles, 1)
    })
  )

  test(
    "a file that was renamed to what no pattern means, while the agent was down, is read to its end",
    Effect.gen(function* () {
      const { dir, options, until, records } = yield* setUp()
      const path = join(dir, "a.log")
      const narrow = { ...options, globs: [path] }
      yield* io(() => writeFile(path, text(lines("a", 10))))
      const first = yield* start(narrow)
      yield* until(has(lines("a", 10)[9]!), "the first lines")
      yield* first.stop
      yield* io(async () => {
        await appendFile(path, text(lines("rest", 10)))
        await rename(path, `${path}.1`)
        await writeFile(path, text(lines("b", 10)))
      })
      yield* start(narrow)
      yield* until(has(lines("b", 10)[9]!), "the new file")
      assert.deepStrictEqual(
        all(records),
        ["a", "rest", "b"].flatMap((name) => lines(name, 10))
      )
    })
  )

  test(
    "a link that leads to another file by now: the old one is read to its end, then the new one",
    Effect.gen(function* () {
      const { dir, options, until } = yield* setUp()
      const link = join(dir, "current.log")
      const [one, two] = [join(dir, "one"), join(dir, "two")]
      yield* io(async () => {
        await writeFile(one, text(lines("one", 30)))
        await symlink(one, link)
      })
      yield* start(options)
      yield* until(has(lines("one", 30)[29]!), "the first file")
      yield* io(async () => {
        await appendFile(one, text(lines("rest", 5)))
        await writeFile(two, text(lines("two", 30)))
        await symlink(two, `${link}.new`)
        await rename(`${link}.new`, link)
      })
      const records = yield* until(has(lines("two", 30)[29]!), "the second file")
      assert.deepStrictEqual(all(records), [...lines("one", 30), ...lines("rest", 5), ...lines("two", 30)])
    })
  )

  test(
    "two files that begin alike for kilobytes are two",
    Effect.gen(function* () {
      const { dir, options, until, records } = yield* setUp()
      const head = lines("banner", 60)
      yield* io(() => writeFile(join(dir, "a.log"), text([...head, ...lines("a", 5)])))
      yield* start(options)
      yield* until(has(lines("a", 5)[4]!), "the first file")
      yield* io(() => writeFile(join(dir, "b.log"), text([...head, ...lines("b", 5)])))
      yield* until(has(lines("b", 5)[4]!), "the second file")
      assert.deepStrictEqual(
        [...linesOf(records).values()],
        [
          [...head, ...lines("a", 5)],
          [...head, ...lines("b", 5)]
        ]
      )
    })
  )

  test(
    "an inode that is used again is another file",
    Effect.gen(function* () {
      const { dir, options, until, records } = yield* setUp()
      const path = join(dir, "a.log")
      yield* io(() => writeFile(path, text(lines("a", 5))))
      const first = yield* start(options)
      yield* until(has(lines("a", 5)[4]!), "the first file")
      yield* first.stop
      yield* io(async () => {
        await rm(path)
        await writeFile(path, text([...lines("a", 5), ...lines("b", 5)]))
      })
      yield* start(options)
      yield* until(has(lines("b", 5)[4]!), "the second file")
      assert.deepStrictEqual([...linesOf(records).values()], [lines("a", 5), [...lines("a", 5), ...lines("b", 5)]])
    })
  )

  test(
    "a line over the limit is cut, marked and counted, however long it is; the next one follows",
    Effect.gen(function* () {
      const { dir, options, until, records } = yield* setUp()
      const path = join(dir, "a.log")
      yield* io(() => writeFile(path, `first\n${"y".repeat(3_000_000)}\nnext\n`))
      const { agent } = yield* start({ ...options, maxLine: 2_000 })
      yield* until(has("next"), "the line behind it")
      const long = records.find(({ value }) => value.startsWith("y"))!
      assert.strictEqual(long.value, `${"y".repeat(2_000)} [kafka2prom left out 2998000 bytes]`)
      assert.deepStrictEqual([long.from, long.to], [6, 3_000_007])
      assert.strictEqual(agent.status().sent.linesCut, 1)
    })
  )
})

describe("the agent sends log lines", () => {
  test(
    "what the log does not take for its size is split at lines, then cut and marked; its spans tell the truth",
    Effect.gen(function* () {
      const { dir, log, options } = yield* setUp()
      yield* log.createTopic("small", 1, { maxRecordBytes: 2_000 })
      const small = yield* judging("small", 1)
      yield* io(() => writeFile(join(dir, "a.log"), `${text(lines("a", 60))}${"y".repeat(5_000)}\nlast\n`))
      const { agent } = yield* start({ ...options, topic: "small" })
      yield* small.until(has("last"), "the last line")
      const got = [...linesOf(small.records).values()].flat()
      assert.deepStrictEqual(got.slice(0, 60), lines("a", 60))
      assert.match(got[60]!, /^y{500,2000} \[kafka2prom left out \d+ bytes\]$/)
      assert.deepStrictEqual(got.slice(61), ["last"])
      assert.strictEqual(agent.status().sent.linesCut, 1)
    })
  )

  test(
    "one request a partition is under way, and while the log is away nothing is read on; then all comes, once",
    Effect.gen(function* () {
      const { dir, log, options, until } = yield* setUp(2)
      const underWay = new Map<number, number>()
      let isAway = false
      let most = 0
      yield* log.intercept((request) => {
        if (request.op !== "produce") return undefined
        for (const partition of new Set(request.records.map((record) => record.partition))) {
          underWay.set(partition, (underWay.get(partition) ?? 0) + 1)
          most = Math.max(
            most,
            request.records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)
          )
        }
        return isAway ? { fail: "NOT_ENOUGH_REPLICAS" } : undefined
      })
      isAway = true
      const names = ["a", "b", "c", "d"]
      for (const name of names) yield* io(() => writeFile(join(dir, `${name}.log`), text(lines(name, 20_000))))
      const { agent } = yield* start(options)
      yield* io(() => holds(() => agent.status().errors.NOT_ENOUGH_REPLICAS! >= 4))
      const { behindBytes, refusing } = agent.status()
      const bytes = names.reduce((sum, name) => sum + text(lines(name, 20_000)).length, 0)
      assert.strictEqual(behindBytes, bytes)
      assert.deepStrictEqual(Object.keys(refusing).toSorted(), ["0", "1"])
      isAway = false
      const records = yield* until((got) => names.every((name) => has(lines(name, 20_000).at(-1)!)(got)), "all lines")
      assert.strictEqual(linesOf(records).size, 4)
      assert.strictEqual(all(records).length, 80_000)
      assert.isAtMost(most, 1_000_000)
    })
  )

  test(
    "a flood of rotated files is read in the order of their source, and no more files are open than allowed",
    Effect.gen(function* () {
      const { dir, options, until } = yield* setUp()
      const path = join(dir, "a.log")
      yield* io(() => writeFile(path, text(lines("0", 5))))
      const { agent } = yield* start({ ...options, openFiles: 3 })
      yield* until(has(lines("0", 5)[4]!), "the first file")
      let most = 0
      for (let n = 1; n <= 20; n++) {
        yield* io(() => rename(path, `${path}.${n}`))
        yield* io(() => writeFile(path, text(lines(String(n), 5))))
        yield* until(has(lines(String(n), 5)[4]!), `file ${n}`)
        most = Math.max(most, agent.status().openFiles)
      }
      yield* io(() => holds(() => agent.status().openFiles <= 3))
      assert.isAbove(most, 1)
    })
  )

  test(
    "where positions cannot be kept new files wait, known ones go on, and it is told",
    Effect.gen(function* () {
      const { dir, options, stateDir, until } = yield* setUp()
      yield* io(() => writeFile(join(dir, "a.log"), text(lines("a", 30))))
      const { agent } = yield* start(options)
      yield* until(has(lines("a", 30)[29]!), "the first file")
      yield* io(() => mkdir(join(stateDir, ".positions.json.tmp")))
      yield* io(() => writeFile(join(dir, "b.log"), text(lines("b", 30))))
      yield* io(() => holds(() => agent.status().fileCount === 2))
      yield* io(() => appendFile(join(dir, "a.log"), text(lines("more", 5))))
      const records = yield* until(has(lines("more", 5)[4]!), "the known file's lines")
      assert.isFalse(has(lines("b", 30)[0]!)(records))
      yield* io(() => rm(join(stateDir, ".positions.json.tmp"), { recursive: true }))
      yield* until(has(lines("b", 30)[29]!), "the new file")
    })
  )
})
