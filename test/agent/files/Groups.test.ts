/** Operations that are answered by hand, on a clock that is set by hand. */
import { assert, describe, it } from "@effect/vitest"
import { Groups, type GroupsOptions } from "../../../src/agent/files/Groups.ts"

const late = 1_000

const setUp = (options: Partial<GroupsOptions> = {}) => {
  let time = 0
  const begun: Array<string> = []
  const onTime: Array<string> = []
  const answers = new Map<string, () => void>()
  const groups = new Groups({
    now: () => time,
    ...{ late, atOnce: 4, suspects: new Set(), onTime: (group: string) => void onTime.push(group) },
    ...options
  })
  return {
    ...{ groups, begun, onTime },
    ask: (...names: ReadonlyArray<string>) => {
      for (const name of names)
        void groups.run(name.slice(0, 1), () => {
          begun.push(name)
          return new Promise<void>((resolve) => answers.set(name, resolve))
        })
    },
    answer: async (name: string) => {
      answers.get(name)!()
      await new Promise((resolve) => setImmediate(resolve))
    },
    pass: (ms: number) => {
      time += ms
      return groups.check()
    }
  }
}

describe("Groups", () => {
  it("a group has two operations under way at most, and they begin in the order in which they were asked for", async () => {
    const { begun, ask, answer } = setUp()
    ask("a1", "a2", "a3", "a4", "b1")
    assert.deepStrictEqual(begun, ["a1", "a2", "b1"])
    await answer("a2")
    await answer("a1")
    assert.deepStrictEqual(begun, ["a1", "a2", "b1", "a3", "a4"])
  })

  it("a group that is late gets nothing more until its oldest operations returned; others go on", async () => {
    const { groups, begun, onTime, ask, answer, pass } = setUp()
    ask("a1", "a2", "a3")
    assert.deepStrictEqual(pass(late - 1), [])
    assert.deepStrictEqual(pass(1), [{ group: "a", for: late }])
    assert.isTrue(groups.isLate("a"))
    ask("b1", "a4")
    assert.deepStrictEqual(begun, ["a1", "a2", "b1"])
    await answer("a1")
    assert.isTrue(groups.isLate("a"))
    assert.deepStrictEqual(onTime, [])
    await answer("a2")
    assert.isFalse(groups.isLate("a"))
    assert.deepStrictEqual(onTime, ["a"])
    assert.deepStrictEqual(begun, ["a1", "a2", "b1", "a3", "a4"])
  })

  it("operations of all groups together are bounded; those that are late make room for others", async () => {
    const { groups, begun, ask, answer, pass } = setUp()
    ask("a1", "b1", "c1", "d1", "e1", "f1")
    assert.deepStrictEqual(begun, ["a1", "b1", "c1", "d1"])
    await answer("d1")
    assert.deepStrictEqual(begun.slice(4), ["e1"])
    assert.strictEqual(groups.held, 0)
    pass(late)
    assert.deepStrictEqual(begun.slice(5), ["f1"])
    assert.strictEqual(groups.held, 4)
  })

  it("groups that hung before are tried eight at a time and with one operation each, until they answer", async () => {
    const names = Array.from("abcdefghijkl")
    const { begun, ask, answer, pass } = setUp({ atOnce: 100, suspects: new Set(names) })
    ask(...names.map((name) => `${name}1`), "a2", "z1", "z2")
    assert.deepStrictEqual(begun, [...names.slice(0, 8).map((name) => `${name}1`), "z1", "z2"])
    pass(late)
    assert.strictEqual(begun.length, 10)
    await answer("a1")
    // It is no suspect any more.
    assert.deepStrictEqual(begun.slice(10).toSorted(), ["a2", "i1"])
  })

  it("what an operation rejects with is the caller's, and ends it", async () => {
    const { groups, begun, ask } = setUp()
    const failing = groups.run("a", () => Promise.reject(new Error("no")))
    assert.strictEqual(await failing.catch(String), "Error: no")
    ask("a1", "a2")
    assert.deepStrictEqual(begun, ["a1", "a2"])
  })
})
