/** The contract of assignors: kept by the built-in one and by the example of docs, and each rule that one breaks on purpose is found. */
import { assert, describe, it } from "@effect/vitest"
import { Layer } from "effect"
import { layer, rendezvous } from "../../docs/examples/own/assignor.ts"
import { Assignor } from "../../src/engine/group/Assignor.ts"
import { assignorContract } from "../../src/testing/contract/AssignorContract.ts"
import { eachCase, finding } from "./cases.ts"

type Place = Assignor["Service"]["place"]

const assignor = (place: Place) => Layer.succeed(Assignor, Assignor.of({ name: "ours", protocol: "ours-v1", place }))

describe("the built-in assignor", () => eachCase(assignorContract(Assignor.layer)))
describe("the example of one by hashes", () => eachCase(assignorContract(layer)))

describe("an assignor", () => {
  let turn = 0
  const broken: ReadonlyArray<readonly [string, Place, RegExp]> = [
    ["leaves partitions out", (members, keys) => new Map([...rendezvous(members, keys)].slice(1)), /leaves none out/],
    [
      "names strangers",
      (members, keys) => new Map(keys.map((key) => [key, `${members[0]!.memberId}-`])),
      /a member of the group/
    ],
    [
      "throws where no load is known",
      (members, keys, loads) => {
        if (loads.size === 0) throw new Error("no loads")
        return rendezvous(members, keys)
      },
      /leaves none out/
    ],
    [
      "goes by the order in which it is told",
      (members, keys) => new Map(keys.map((key) => [key, members[0]!.memberId])),
      /in whatever order/
    ],
    [
      "never rests",
      (members, keys) => new Map(keys.map((key, i) => [key, members[(i + turn++) % members.length]!.memberId])),
      /comes to rest/
    ],
    [
      "gives what one holds to the next",
      (members, keys) => {
        const ids = members.map(({ memberId }) => memberId).toSorted()
        const holder = new Map(members.flatMap((m) => m.keys.map((key) => [key, m.memberId] as const)))
        return new Map(keys.map((key) => [key, ids[(ids.indexOf(holder.get(key) ?? "") + 1) % ids.length]!]))
      },
      /comes to rest/
    ]
  ]
  for (const [what, place, rule] of broken)
    it(`that ${what} is found`, { timeout: 300_000 }, async () => {
      const { message } = await finding(assignorContract(assignor(place)), rule)
      assert.match(message, /expected|what/)
    })
})
