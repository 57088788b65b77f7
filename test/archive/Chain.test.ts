/** Where an archive goes on: what the commit says is a hint, what is in the store and what the log still holds decide. */
import { zstdCompressSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { type OpenedChain, openChain } from "../../src/archive/Chain.ts"
import { encodeLastFrame, type LastFrame } from "../../src/archive/format/LastFrame.ts"
import { encodeLife } from "../../src/archive/format/Life.ts"
import { encodeMemo } from "../../src/archive/format/Memo.ts"
import { lifeName, objectName } from "../../src/archive/format/Names.ts"
import type { ProcessorError } from "../../src/engine/PartitionProcessor.ts"
import type { Testimony } from "../../src/engine/partition/Witness.ts"
import { PodClock } from "../../src/testing/pods/PodClock.ts"
import { SharedStore } from "./sim/SharedStore.ts"

const tp = { topic: "logs", partition: 0 }
const hour = "2026-11-28/09"
const later = "2026-11-28/10"

const life = (n: number, begin = 0, change: { readonly topicId?: string | null; readonly cluster?: string } = {}) =>
  [
    lifeName({ ...tp, life: n }),
    encodeLife({ ...tp, life: n, cluster: "c", topicId: "t", begin, hour, ...change })
  ] as const
const object = (n: number, from: number, to: number, at = hour, next = hour, change: Partial<LastFrame> = {}) => {
  const frame = {
    ...tp,
    life: n,
    cluster: "c",
    from,
    to,
    last: { offset: to - 1, crc: to },
    next,
    memory: null,
    records: 1,
    rows: 1,
    bytes: 1
  }
  const bytes = Buffer.concat([zstdCompressSync(Buffer.from("x")), encodeLastFrame({ ...frame, ...change })])
  return [objectName({ ...tp, life: n }, at, from), bytes] as const
}
const memo = (n: number, from: number, to: number, at = hour, next = hour) =>
  encodeMemo({ life: n, from, to, hour: at, next, memory: null })

interface Log {
  readonly logStart?: number
  readonly logEnd?: number
  readonly memo?: string
  readonly restarted?: boolean
  readonly topicId?: string | null
  readonly cluster?: string
  readonly testimony?: Exclude<Testimony, "unanswered">
}

const opened = (objects: ReadonlyArray<readonly [string, Buffer]>, log: Log = {}) =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const shared = new SharedStore(clock)
    for (const [name, bytes] of objects) shared.objects.set(name, bytes)
    const listed: Array<string> = []
    const store = shared.through("p", new PodClock(clock), (op, name) => {
      if (op === "list") listed.push(name)
      return { there: 0, back: 0, how: "answered" }
    })
    const { logStart = 0, logEnd = 1_000, restarted = false, topicId = "t", cluster = "c", testimony = "same" } = log
    const found: OpenedChain = yield* openChain({
      ...{ tp, place: "memory:" },
      plan: { start: 0, fence: 0, committed: 0, memo: log.memo ?? "", logStart, logEnd, restarted },
      log: {
        identity: Effect.succeed({ cluster, topicId }),
        end: Effect.succeed(0),
        holds: () => Effect.succeed(testimony)
      },
      ask: (question) => Effect.orDie(question(store)),
      askLog: Effect.orDie
    })
    return { life: found.end.life, from: found.end.from, hour: found.end.hour, restarted: found.restarted, listed }
  })

const chain = [life(1), object(1, 0, 10), object(1, 10, 20, hour, later), object(1, 20, 30, later, later)]
const words = (effect: Effect.Effect<unknown, ProcessorError>) =>
  Effect.map(Effect.flip(effect), ({ message }) => message)

describe("an archive goes on", () => {
  const cases: ReadonlyArray<
    readonly [
      what: string,
      objects: ReadonlyArray<readonly [string, Buffer]>,
      log: Log,
      life: number,
      from: number,
      hour: string | null
    ]
  > = [
    ["at the log's start where there is none", [], { logStart: 7 }, 1, 7, null],
    ["where its life begins before it has an object", [life(1, 5)], {}, 1, 5, hour],
    ["behind the object that the commit names", chain, { memo: memo(1, 20, 30, later, later) }, 1, 30, later],
    ["behind what was created and not committed", chain, { memo: memo(1, 0, 10) }, 1, 30, later],
    ["behind the newest object where the commit names none", chain, {}, 1, 30, later],
    [
      "behind the newest object where the commit names one of another place",
      chain,
      { memo: memo(4, 500, 600) },
      1,
      30,
      later
    ],
    [
      "behind the newest object where the named one is another one",
      chain,
      { memo: memo(1, 10, 19, hour, later) },
      1,
      30,
      later
    ],
    ["in the newest life", [...chain, life(2), object(2, 0, 4)], {}, 2, 4, hour],
    ["although retention removed its last record", chain, { logStart: 500, testimony: "another" }, 1, 30, later],
    ["where the brokers tell no ids", chain, { topicId: null }, 1, 30, later],
    [
      "in another life where the topic was made anew",
      chain,
      { topicId: "u", memo: memo(1, 20, 30, later, later) },
      2,
      0,
      null
    ],
    ["in another life where the log is shorter", chain, { logEnd: 29 }, 2, 0, null],
    ["in another life where its last record is another one", chain, { testimony: "another" }, 2, 0, null],
    [
      "in another life where the engine found that the log went back",
      chain,
      { restarted: true, memo: memo(1, 20, 30, later, later) },
      2,
      0,
      null
    ],
    [
      "in the life that somebody else began for the same reason",
      [...chain, life(2, 3), object(2, 3, 9)],
      { restarted: true, memo: memo(1, 20, 30, later, later) },
      2,
      9,
      hour
    ],
    ["although its life's file is gone", chain.slice(1), { memo: memo(1, 20, 30, later, later) }, 1, 30, later]
  ]
  for (const [what, objects, log, expectedLife, from, at] of cases)
    it.live(what, () =>
      Effect.gen(function* () {
        const found = yield* opened(objects, log)
        assert.deepStrictEqual([found.life, found.from, found.hour], [expectedLife, from, at])
      })
    )

  it.live("without listing anything where the commit names its last object", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* opened(chain, { memo: memo(1, 20, 30, later, later) })).listed, [])
      assert.lengthOf((yield* opened(chain)).listed, 2)
    })
  )
})

describe("an archive stops in words", () => {
  it.live("where the place is another cluster's", () =>
    Effect.map(words(opened(chain, { cluster: "d" })), (said) =>
      assert.match(said, /another cluster \(c; this one is d\)/)
    )
  )
  it.live("behind an object that is none of ours, or was moved", () =>
    Effect.gen(function* () {
      const [name] = object(1, 30, 40, later, later)
      const changed = yield* words(opened([...chain, [name, Buffer.from("x")]]))
      assert.match(changed, /does not end as one of ours/)
      const moved = yield* words(opened([...chain, [name, object(1, 31, 40)[1]]]))
      assert.match(moved, /says that it is logs\/0, life 1, from 31/)
    })
  )
  it.live("where a life's file is changed", () =>
    Effect.map(words(opened([[life(1)[0], Buffer.from("{}")]])), (said) =>
      assert.match(said, /life-1 in memory: cannot be read/)
    )
  )
})
