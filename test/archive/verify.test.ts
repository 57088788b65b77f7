/** `archive verify` on an archive that is whole, and on the same one with each thing that can be wrong. */
import { randomBytes } from "node:crypto"
import { constants, crc32, zstdCompressSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { encodeLastFrame, type LastFrame } from "../../src/archive/format/LastFrame.ts"
import { encodeLife } from "../../src/archive/format/Life.ts"
import { lifeName, memoryName, objectName, unreadName } from "../../src/archive/format/Names.ts"
import { Memory } from "../../src/archive/memory/Memory.ts"
import { tell } from "../../src/archive/verify/Report.ts"
import { verify } from "../../src/archive/verify/Verify.ts"
import { PodClock } from "../../src/testing/pods/PodClock.ts"
import { SharedStore } from "./sim/SharedStore.ts"

/** As pods write it. */
const params = { [constants.ZSTD_c_checksumFlag]: 1 }

const line = { topic: "logs", partition: 0, life: 1 }
const hour = "2026-11-28/09"
const name = (from: number) => objectName(line, hour, from)

const memoryOf = (streams: ReadonlyArray<readonly [stream: string, from: number, to: number]>) => {
  const memory = new Memory(100)
  for (const [stream, from, to] of streams) memory.of(stream).take(from, to)
  return memory.encode()
}
const memory = memoryOf([
  ["s1", 0, 50],
  ["s2", 20, 50]
])
const memoryAt = memoryName(line, 30, crc32(memory))

const object = (from: number, to: number, change: Partial<LastFrame> = {}) => {
  const rows = Buffer.from(`{"offset":${from}}\n{"offset":${from + 1}}\n`)
  const frame = {
    ...line,
    cluster: "c",
    from,
    to,
    last: null,
    next: hour,
    memory: null,
    records: to - from,
    rows: 2,
    bytes: rows.length
  }
  return Buffer.concat([zstdCompressSync(rows, { params }), encodeLastFrame({ ...frame, ...change })])
}

const whole = (): Map<string, Buffer> =>
  new Map([
    [lifeName(line), encodeLife({ ...line, cluster: "c", topicId: null, begin: 0, hour })],
    [name(0), object(0, 10)],
    [name(10), object(10, 20)],
    [name(20), object(20, 30, { memory: memoryAt, records: 7 })],
    [memoryAt, memory],
    ["_k2p/probe", Buffer.from("x")]
  ])

const verified = (objects: ReadonlyMap<string, Buffer>) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const shared = new SharedStore(clock)
    for (const [key, bytes] of objects) shared.objects.set(key, bytes)
    const store = shared.through("p", new PodClock(clock), () => ({ there: 0, back: 0, how: "answered" }))
    const { reports, others } = yield* verify(store)
    return tell(store.place, reports, others)
  })

describe("archive verify", () => {
  it.live("says what an archive holds that is whole, and where streams have gaps", () =>
    Effect.gen(function* () {
      const { text, broken } = yield* verified(whole())
      assert.strictEqual(broken, 0, text)
      assert.match(text, /^logs\/0: offsets 0 to 29 in 3 objects, 6 rows, \d+ B, \d+ B stored$/m)
      assert.match(text, /^ {2}note {4}stream s2 lacks bytes 0 to 19: they never came/m)
      assert.match(text, /^ {2}note {4}3 of its offsets held no record/m)
      assert.match(text, /No hole, no overlap, nothing damaged\.$/m)
    })
  )

  it.live("reads an object that is larger than what it takes at a time", () =>
    Effect.gen(function* () {
      const rows = Buffer.from(`{"line":"${randomBytes(5_000_000).toString("base64")}"}\n`)
      const frame = {
        ...line,
        cluster: "c",
        from: 30,
        to: 31,
        last: null,
        next: hour,
        memory: null,
        records: 1,
        rows: 1
      }
      const data = zstdCompressSync(rows, { params })
      const whole = Buffer.concat([data, encodeLastFrame({ ...frame, bytes: rows.length })])
      const objects = new Map([
        [lifeName(line), encodeLife({ ...line, cluster: "c", topicId: null, begin: 30, hour })],
        [name(30), whole]
      ])
      const { text, broken } = yield* verified(objects)
      assert.strictEqual(broken, 0, text)
      // The last block of its data says something else.
      const changed = Buffer.from(whole)
      changed[data.length - 100]! ^= 255
      assert.strictEqual((yield* verified(objects.set(name(30), changed))).broken, 1)
    })
  )

  it.live("says of one that is cut off what is to be done, and that nothing else is wrong", () =>
    Effect.gen(function* () {
      const objects = whole()
      objects.set(name(10), objects.get(name(10))!.subarray(0, -3))
      const { text, broken } = yield* verified(objects)
      assert.match(text, /00010\.ndjson\.zst is damaged: .*cut off.*; bring it back/)
      assert.strictEqual(broken, 1, text)
    })
  )

  it.live("names the first of many things of a kind, and counts all", () =>
    Effect.gen(function* () {
      const objects = whole()
      for (let i = 0; i < 120; i++) objects.set(`logs/other-${i}`, Buffer.from("x"))
      const { text, broken } = yield* verified(objects)
      assert.strictEqual(broken, 0)
      assert.lengthOf(text.match(/is none of ours/g)!, 50)
      assert.match(text, /^ {2}note {4}and 70 more of this kind that are not named$/m)
    })
  )

  it.live("says that there is no archive, where there is none", () =>
    Effect.gen(function* () {
      const { text, broken } = yield* verified(new Map())
      assert.match(text, /there is no archive here: look at --to/)
      assert.strictEqual(broken, 1)
    })
  )

  const failing = (fails: (turn: number) => boolean) =>
    Effect.map(Clock.Clock, (clock) => {
      const shared = new SharedStore(clock)
      for (const [key, bytes] of whole()) shared.objects.set(key, bytes)
      let turn = 0
      return shared.through("p", new PodClock(clock), () => ({
        ...{ there: 0, back: 0 },
        how: fails(turn++) ? "refused" : "answered"
      }))
    })

  it.live("asks again where the store does not answer", () =>
    Effect.gen(function* () {
      const { reports, others } = yield* verify(yield* failing((turn) => turn === 0 || turn === 3))
      assert.strictEqual(tell("x", reports, others).broken, 0)
    })
  )

  it.effect("gives up where it never answers", () =>
    Effect.gen(function* () {
      const given = yield* Effect.forkChild(Effect.flip(verify(yield* failing(() => true))))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(given)).message, "the store is away")
    })
  )

  const cases: ReadonlyArray<
    readonly [what: string, change: (objects: Map<string, Buffer>) => void, words: RegExp, level: "broken" | "note"]
  > = [
    ["a hole", (o) => o.delete(name(10)), /a hole: offsets 10 to 19 are in no object/, "broken"],
    [
      "an overlap",
      (o) => o.set(name(5), object(5, 10)),
      /an overlap: offsets 5 to 9 are in .*00005\.ndjson\.zst again/,
      "broken"
    ],
    ["a data byte that changed", (o) => (o.get(name(10))![12]! ^= 255), /00010\.ndjson\.zst is damaged/, "broken"],
    [
      "rows that are fewer than its frame says",
      (o) => o.set(name(10), object(10, 20, { rows: 3 })),
      /holds 2 rows in \d+ bytes and says 3/,
      "broken"
    ],
    [
      "an end that is cut off",
      (o) => o.set(name(20), o.get(name(20))!.subarray(0, -3)),
      /does not end as one of ours/,
      "broken"
    ],
    [
      "an object that was moved",
      (o) => o.set(name(10), object(11, 20)),
      /says that it is logs\/0, life 1, from 11/,
      "broken"
    ],
    ["a memory that is missing", (o) => o.delete(memoryAt), /memory-1-.* is missing: .*bring it back/, "broken"],
    ["a life that is missing", (o) => o.delete(lifeName(line)), /nothing says where life 1 begins/, "broken"],
    ["old objects that were removed", (o) => o.delete(name(0)), /offsets 0 to 9 are not there any more/, "note"],
    [
      "a batch that nobody can read",
      (o) => o.set(unreadName(line, 12), Buffer.from("x")),
      /unread-1-0+12: a batch that nobody can read/,
      "note"
    ],
    [
      "what is none of ours",
      (o) => o.set("logs/date=2026-11-28/hour=09/part.parquet", Buffer.from("x")),
      /part\.parquet is none of ours/,
      "note"
    ]
  ]
  for (const [what, change, words, level] of cases)
    it.live(`finds ${what}`, () =>
      Effect.gen(function* () {
        const objects = whole()
        change(objects)
        const { text, broken } = yield* verified(objects)
        assert.match(text, words)
        assert.strictEqual(broken > 0, level === "broken", text)
      })
    )
})
