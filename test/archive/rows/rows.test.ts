/** Rows, against JSON's own reader: what a record's lines become, whatever bytes they are, and which of a repeat are written. */
import { assert, describe, it } from "vitest"
import { Memory } from "../../../src/archive/memory/Memory.ts"
import { headOf } from "../../../src/archive/rows/RecordHead.ts"
import { writeRows } from "../../../src/archive/rows/RecordRows.ts"
import { RowWriter } from "../../../src/archive/rows/RowWriter.ts"
import { random } from "../../../src/testing/Random.ts"
import type { LogRecord } from "../../../src/transport/Transport.ts"

const tp = { topic: "logs", partition: 4 }
const stamp = Date.UTC(2026, 10, 28, 9, 30)

const record = (
  value: string | Uint8Array | null,
  headers: Record<string, string> = {},
  change: Partial<LogRecord> = {}
): LogRecord => ({
  offset: 7,
  timestamp: stamp,
  key: Buffer.from("host/var/log/app.log"),
  value: value === null ? null : Buffer.from(value),
  headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
  ...change
})

interface Row {
  readonly line: string
  readonly position: number | null
  readonly raw?: string
  readonly [name: string]: unknown
}

const parsed = (writer: RowWriter): ReadonlyArray<Row> => {
  const text = Buffer.from(writer.take()).toString()
  return text === ""
    ? []
    : text
        .trimEnd()
        .split("\n")
        .map((row) => JSON.parse(row) as Row)
}

const rowsOf = (...records: ReadonlyArray<LogRecord>): ReadonlyArray<Row> => {
  const writer = new RowWriter()
  const memory = new Memory(100)
  for (const each of records) writeRows({ tp, memory, writer }, each)
  return parsed(writer)
}
const linesOf = (...records: ReadonlyArray<LogRecord>) => rowsOf(...records).map(({ line }) => line)

describe("a row", () => {
  it("has all fields that are promised, in their order", () => {
    const headers = { "k2p-time": "1700000000123", "k2p-labels": '{"dc":"eu","q":"\\"x\\""}', "k2p-span": "s1.100-104" }
    const writer = new RowWriter()
    writeRows({ tp, memory: new Memory(1), writer }, record("abc", headers))
    assert.strictEqual(
      Buffer.from(writer.take()).toString(),
      '{"time":"2023-11-14T22:13:20.123Z","source":"host/var/log/app.log","labels":{"dc":"eu","q":"\\"x\\""},"stream":"s1","position":100,"offset":7,"line":"abc"}\n'
    )
  })

  it("of a record that any producer sent has its key's source, the log's time, and no stream", () => {
    assert.deepStrictEqual(rowsOf(record("one\ntwo\n")), [
      {
        time: "2026-11-28T09:30:00.000Z",
        source: "host/var/log/app.log",
        labels: {},
        stream: null,
        position: null,
        offset: 7,
        line: "one"
      },
      {
        time: "2026-11-28T09:30:00.000Z",
        source: "host/var/log/app.log",
        labels: {},
        stream: null,
        position: null,
        offset: 7,
        line: "two"
      }
    ])
  })

  it("takes headers that do not parse for none", () => {
    const whole = rowsOf(record("x"))
    for (const headers of [
      { "k2p-time": "yesterday" },
      { "k2p-time": "-1" },
      { "k2p-time": "999999999999999" },
      { "k2p-labels": "[]" },
      { "k2p-labels": '{"a":1}' },
      { "k2p-labels": "{" },
      { "k2p-span": "s.5-5" },
      { "k2p-span": "s.5" },
      { "k2p-span": 'a"b.1-2' },
      { "k2p-span": "s.1-99999999999999999" },
      { "k2p-source": "somebody else" }
    ] as ReadonlyArray<Record<string, string>>)
      assert.deepStrictEqual(rowsOf(record("x", headers)), whole, JSON.stringify(headers))
  })

  it("names the source of a record without a key by its header, else by its partition", () => {
    const of = (headers: Record<string, string>, key: Uint8Array | null) =>
      headOf(tp, record("x", headers, { key })).source
    assert.strictEqual(of({ "k2p-source": "h/f" }, null), "h/f")
    assert.strictEqual(of({}, null), "unknown/logs/4")
    assert.strictEqual(of({}, Buffer.from([0x61, 0xff])), "a\ufffd")
  })

  it("has no time where its stamp is none", () => {
    assert.isNull(rowsOf(record("x", {}, { timestamp: -1 }))[0]!.time)
  })

  it("says each byte as JSON's reader reads it, at any length", () => {
    const chance = random(5)
    const all = Buffer.from(Array.from({ length: 128 }, (_, i) => i).filter((b) => b !== 10))
    assert.deepStrictEqual(linesOf(record(all)), [all.toString()])
    for (let i = 0; i < 200; i++) {
      const text = Array.from({ length: chance.int(0, 300) }, () =>
        chance.pick(["a", "b ", '"', "\\", "\t", "\r", "\0", "\x1f", "\x7f", "é", "€", "😀", "\u2028"])
      ).join("")
      assert.deepStrictEqual(linesOf(record(text, { "k2p-span": `s.0-${Buffer.byteLength(text) + 1}` })), [text])
    }
    for (const length of [65_535, 65_536, 65_537, 3_000_000]) {
      const text = "\0".repeat(length)
      assert.strictEqual(linesOf(record(text))[0], text)
    }
  })

  it("of a line that is no UTF-8 has replacement characters, and the bytes as they came; its neighbours have not", () => {
    const value = Buffer.concat([
      Buffer.from('gut "é"\n'),
      Buffer.from([0x61, 0xff, 0xc3, 0x22]),
      Buffer.from("\nauch")
    ])
    const rows = rowsOf(record(value))
    assert.deepStrictEqual(
      rows.map(({ line, raw }) => [line, raw === undefined ? undefined : Buffer.from(raw, "base64").toString("hex")]),
      [
        ['gut "é"', undefined],
        ['a\ufffd\ufffd"', "61ffc322"],
        ["auch", undefined]
      ]
    )
  })

  it("is there for each line: empty ones, a carriage return, and a last one without its end", () => {
    const span = (from: number, to: number) => ({ "k2p-span": `s.${from}-${to}` })
    assert.deepStrictEqual(linesOf(record("a\r\n\nb", span(0, 6))), ["a\r", "", "b"])
    assert.deepStrictEqual(linesOf(record("a\n", span(0, 2))), ["a"])
    assert.deepStrictEqual(linesOf(record("a\n", span(0, 3))), ["a", ""])
    assert.deepStrictEqual(linesOf(record("", span(0, 1))), [""])
    assert.deepStrictEqual(linesOf(record("")), [""])
    assert.deepStrictEqual(linesOf(record(null)), [])
    assert.deepStrictEqual(linesOf(record("a\nb")), ["a", "b"])
  })

  it("carries the position of its line in the file", () => {
    const rows = rowsOf(record("a\nbcd\n\né", { "k2p-span": "s.1000-1010" }))
    assert.deepStrictEqual(
      rows.map(({ position }) => position),
      [1000, 1002, 1006, 1007]
    )
  })
})

describe("what an agent sends again", () => {
  const file = Array.from({ length: 200 }, (_, i) => `line ${i} ${"x".repeat(i % 17)}`)
  const starts = [0]
  for (const line of file) starts.push(starts.at(-1)! + line.length + 1)
  const piece = (from: number, to: number) =>
    record(file.slice(from, to).join("\n"), { "k2p-span": `s.${starts[from]}-${starts[to]}` })

  it("is written once, however it was cut", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const chance = random(seed)
      const records: Array<LogRecord> = []
      for (let at = 0; at < file.length; ) {
        const next = Math.min(file.length, at + chance.int(1, 30))
        records.push(piece(at, next))
        // A crash: from some lines before on, in other pieces.
        at = chance.chance(0.3) ? Math.max(0, next - chance.int(0, 40)) : next
        if (at === file.length) break
      }
      assert.deepStrictEqual(linesOf(...records), file, `seed ${seed}`)
    }
  })

  it("fills its gap late, and is said to", () => {
    const writer = new RowWriter()
    const rows = { tp, memory: new Memory(10), writer }
    const outcomes = [piece(0, 3), piece(6, 9), piece(2, 8), piece(0, 9)].map((each) => writeRows(rows, each))
    assert.deepStrictEqual(outcomes, ["written", "written", "late", "repeated"])
    assert.deepStrictEqual(
      parsed(writer).map(({ line }) => line),
      [0, 1, 2, 6, 7, 8, 3, 4, 5].map((i) => file[i])
    )
  })

  it("of a value whose lines cannot be placed is written as a whole rather than lost", () => {
    const cut = (from: number, to: number) => record("cut\nb\nc", { "k2p-span": `s.${from}-${to}` })
    assert.deepStrictEqual(linesOf(cut(0, 5000), cut(4000, 5003)), ["cut", "b", "c", "cut", "b", "c"])
    assert.deepStrictEqual(linesOf(cut(0, 5000), cut(0, 5000)), ["cut", "b", "c"])
  })

  it("of another stream is news", () => {
    const other = { ...piece(0, 2), headers: { "k2p-span": Buffer.from(`t.0-${starts[2]}`) } }
    assert.lengthOf(linesOf(piece(0, 2), other), 4)
  })
})
