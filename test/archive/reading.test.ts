/**
 * How an archive is read by those who have nothing of ours: the statements of docs/logs.md, as they stand there, in DuckDB, over objects as pods make them: each line
 * is there once, as it was, whatever its bytes, its labels and its hour.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { hourOf } from "../../src/archive/format/Hour.ts"
import { encodeLastFrame } from "../../src/archive/format/LastFrame.ts"
import { objectName } from "../../src/archive/format/Names.ts"
import { Memory } from "../../src/archive/memory/Memory.ts"
import { OpenObject } from "../../src/archive/OpenObject.ts"
import { zstd } from "../../src/archive/rows/Packing.ts"
import { writeRows } from "../../src/archive/rows/RecordRows.ts"
import { RowWriter } from "../../src/archive/rows/RowWriter.ts"
import { directory } from "../../src/archive/store/Directory.ts"
import type { Store } from "../../src/archive/store/Store.ts"
import type { LogRecord } from "../../src/transport/Transport.ts"
import { type Duck, openDuck } from "../support/duck.ts"

const nine = Date.UTC(2026, 10, 28, 9, 30)
const ten = Date.UTC(2026, 10, 28, 10, 30)

/** Records of one object, from its first offset on. `headers` beside the span. */
interface Sent {
  readonly lines: ReadonlyArray<string | Buffer>
  readonly time?: number
  readonly headers?: Readonly<Record<string, string>>
}

let positions = 0
const recordOf = ({ lines, time = nine, headers = {} }: Sent, offset: number): LogRecord => {
  const value = Buffer.concat(lines.flatMap((line, i) => [Buffer.from(i === 0 ? "" : "\n"), Buffer.from(line)]))
  const from = positions
  positions += value.length + 1
  const all: Readonly<Record<string, string>> =
    headers.plain === undefined ? { "k2p-span": `s1.${from}-${positions}`, ...headers } : {}
  return {
    offset,
    timestamp: time,
    key: Buffer.from("host/var/log/app.log"),
    value,
    headers: Object.fromEntries(Object.entries(all).map(([name, text]) => [name, Buffer.from(text)]))
  }
}

/** As an archiver closes it. */
const createObject = (store: Store, partition: number, from: number, sent: ReadonlyArray<Sent>) =>
  Effect.gen(function* () {
    const line = { topic: "logs", partition, life: 1 }
    const records = sent.map((each, i) => recordOf(each, from + i))
    const hour = hourOf(records[0]!.timestamp)
    const open = yield* OpenObject.begin(records[0]!, from, null, 0, zstd)
    const writer = new RowWriter()
    const memory = new Memory(10)
    for (const record of records) {
      open.took(record)
      writeRows({ tp: line, memory, writer }, record)
      const { rows } = writer
      yield* open.write(writer.take(), rows)
    }
    open.settle()
    const data = yield* open.packed
    const { last, rows, bytes } = open
    const to = from + records.length
    const frame = { ...line, cluster: "c", from, to, last, next: hour, memory: null, records: to - from, rows, bytes }
    yield* store.create(objectName(line, hour, from), [...data, encodeLastFrame(frame)])
    yield* open.close
    return rows
  })

describe("an archive in DuckDB", () => {
  let folder: string
  let duck: Duck
  let rows = 0
  const strange = ["", "\0", 'say "x" \\ /', "tab\tand CR\r", "héllo 😀 \u2028", "{}", "x".repeat(300_000)]

  const answers = (sql: string) => duck.answers(sql)

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "k2p-reading-"))
    const store = directory(folder)
    const create = async (partition: number, from: number, sent: ReadonlyArray<Sent>) => {
      rows += await Effect.runPromise(createObject(store, partition, from, sent))
    }
    // Nothing of the first says what later ones have: labels, raw bytes, positions.
    for (let i = 0; i < 40; i++) await create(0, i, [{ lines: ["INFO begins", `INFO ${i}`], headers: { plain: "" } }])
    await create(1, 0, [{ lines: strange }, { lines: ["ERROR one"], headers: { "k2p-labels": '{"site":"oslo"}' } }])
    await create(1, 2, [{ lines: [Buffer.from([0x45, 0xff, 0xfe])], headers: { "k2p-labels": '{"q\\"":"\\u0000"}' } }])
    await create(1, 3, [{ lines: ["ERROR at ten"], time: ten }])
    await create(1, 4, [{ lines: ["of no hour"], time: 5 }])
    // More than one piece of zstd's.
    const many = Array.from({ length: 3_000 }, (_, i) => `DEBUG ${i} ${"y".repeat(i % 200)}`)
    await create(2, 0, [{ lines: many }, { lines: many }])
    duck = await openDuck(folder)
  })
  afterAll(async () => {
    duck?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it("has each line once, as it was", async () => {
    assert.deepStrictEqual(await answers("SELECT count(*) AS n FROM logs"), [{ n: String(rows) }])
    const seen = await answers(
      "SELECT line FROM logs WHERE filename LIKE '%/1-1-00000000000000000000.%' ORDER BY position"
    )
    assert.deepStrictEqual(
      seen.map(({ line }) => line),
      [...strange, "ERROR one"]
    )
    const raw = await answers('SELECT line, raw, labels, position, "offset" FROM logs WHERE raw IS NOT NULL')
    assert.lengthOf(raw, 1)
    assert.deepStrictEqual([...Buffer.from(String(raw[0]!.raw), "base64")], [0x45, 0xff, 0xfe])
    const many = "SELECT count(*) AS n, count(DISTINCT position) AS m FROM logs WHERE line LIKE 'DEBUG %'"
    assert.deepStrictEqual(await answers(many), [{ n: "6000", m: "6000" }])
  })

  it("answers what the page asks, and finds labels, times and hours", async () => {
    const found = await answers(duck.question)
    assert.deepStrictEqual(
      found.map(({ line }) => line),
      ["ERROR one"]
    )
    const labels = "SELECT line FROM logs WHERE labels->>'site' = 'oslo'"
    assert.deepStrictEqual(await answers(labels), [{ line: "ERROR one" }])
    const hours = "SELECT date, hour, count(*) AS n FROM logs GROUP BY ALL ORDER BY ALL"
    assert.deepStrictEqual(await answers(hours), [
      { date: "2026-11-28", hour: "09", n: String(rows - 2) },
      { date: "2026-11-28", hour: "10", n: "1" },
      { date: "unknown", hour: "00", n: "1" }
    ])
    const times = "SELECT count(*) AS n FROM logs WHERE time >= TIMESTAMPTZ '2026-11-28 10:00:00Z'"
    assert.deepStrictEqual(await answers(times), [{ n: "1" }])
  })
})
