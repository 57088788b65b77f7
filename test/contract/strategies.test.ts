/** The contract of back pressure: kept by the built-in strategies and two of a team's own, and each rule that one breaks on purpose is found. */
import { assert, describe, it } from "@effect/vitest"
import { Backpressure, builtInNames, type Queued, type Strategy } from "../../src/engine/Backpressure.ts"
import { backpressureContract } from "../../src/testing/contract/BackpressureContract.ts"
import { byPriority, supersededFirst } from "../support/ownStrategies.ts"
import { eachCase, finding } from "./cases.ts"

const own = [byPriority((source) => (source === "a" ? 1 : 0)), supersededFirst]

describe("strategies of back pressure", () =>
  eachCase(
    backpressureContract(Backpressure.layer("pause", 100, own), [...builtInNames, ...own.map(({ name }) => name)])
  ))

const full = (q: Queued): boolean => q.records >= q.maxRecords || q.bytes >= q.maxBytes
const half = (q: Queued) => ({ records: q.maxRecords / 2, bytes: q.maxBytes / 2 })

describe("a strategy", () => {
  let asked = 0
  const broken: ReadonlyArray<readonly [string, Pick<Strategy, "decide" | "drops">, RegExp]> = [
    [
      "drops the newest of a source first",
      { drops: true, decide: (q) => (full(q) ? { down: half(q), rank: (head) => -head.offset } : "fetch") },
      /of one source the oldest first/
    ],
    [
      "ranks by nothing that is a number",
      { drops: true, decide: (q) => (full(q) ? { down: half(q), rank: (head) => Number(head.key) } : "fetch") },
      /of one source the oldest first/
    ],
    [
      "stays paused when nothing waits",
      { drops: false, decide: (q, paused) => (paused || full(q) ? "pause" : "fetch") },
      /where nothing waits/
    ],
    [
      "drops although it says that it does not",
      { drops: false, decide: (q) => (full(q) ? "drop" : "fetch") },
      /only where it says/
    ],
    [
      "makes no room",
      { drops: true, decide: (q) => (full(q) ? { down: { records: q.records, bytes: q.bytes } } : "fetch") },
      /makes room/
    ],
    [
      "answers something else",
      { drops: false, decide: (q) => (q.lag < 0 ? (undefined as never) : "fetch") },
      /one of the decisions/
    ],
    [
      "remembers what it was asked last",
      { drops: true, decide: (q) => (full(q) && ++asked % 2 === 0 ? "drop" : "fetch") },
      /answers alike/
    ],
    [
      "throws where the lag is not known",
      {
        drops: false,
        decide: (q) => {
          if (q.lag < 0) throw new Error("no lag")
          return "fetch"
        }
      },
      /one of the decisions/
    ]
  ]
  for (const [what, wrong, rule] of broken)
    it(`that ${what} is found`, { timeout: 300_000 }, async () => {
      const layer = Backpressure.layer("wrong", 100, [{ name: "wrong", about: "a test's", ...wrong }])
      const { message } = await finding(backpressureContract(layer, ["wrong"]), rule)
      assert.match(message, /expected|what/)
    })
})
