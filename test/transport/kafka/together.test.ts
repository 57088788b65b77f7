/** Questions about single partitions that are asked at the same moment become one request, and fail each for itself. */
import { assert, describe, it } from "@effect/vitest"
import { Together } from "../../../src/transport/kafka/Together.ts"
import { partitionKey, type TopicPartition } from "../../../src/transport/Transport.ts"

const tp = (partition: number): TopicPartition => ({ topic: "t", partition })

/** Answers each partition's number; partition 13 has no answer, partition 666 fails whatever asks for it. */
const numbers = () => {
  const asked: Array<string> = []
  const together = new Together<number>(async (tps, what) => {
    asked.push(`${what} ${tps.map(({ partition }) => partition).join()}`)
    await Promise.resolve()
    if (tps.some(({ partition }) => partition === 666)) throw new Error("no leader")
    return new Map(tps.filter(({ partition }) => partition !== 13).map((each) => [partitionKey(each), each.partition]))
  })
  return { asked, together }
}

describe("questions about partitions", () => {
  it("are one request where they are asked at the same moment, and each gets its own answer", async () => {
    const { asked, together } = numbers()
    const answers = await Promise.all([together.ask([tp(1)]), together.ask([tp(2), tp(13)]), together.ask([tp(1)])])
    assert.deepStrictEqual(asked, [" 1,2,13"])
    assert.deepStrictEqual(
      answers.map((each) => [...each]),
      [[["t/1", 1]], [["t/2", 2]], [["t/1", 1]]]
    )
  })

  it("are sent after they were asked: a later one is never answered from an earlier answer", async () => {
    const { asked, together } = numbers()
    const first = together.ask([tp(1)])
    await new Promise(setImmediate)
    const second = together.ask([tp(1)])
    await Promise.all([first, second])
    assert.deepStrictEqual(asked, [" 1", " 1"])
  })

  it("of different kinds stay apart", async () => {
    const { asked, together } = numbers()
    await Promise.all([together.ask([tp(1)], "start"), together.ask([tp(1)], "end"), together.ask([tp(2)], "start")])
    assert.deepStrictEqual(asked, ["start 1,2", "end 1"])
  })

  it("fail each for itself", async () => {
    const { asked, together } = numbers()
    const answers = await Promise.allSettled([together.ask([tp(1)]), together.ask([tp(666)]), together.ask([tp(2)])])
    assert.deepStrictEqual(
      answers.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"]
    )
    assert.deepStrictEqual(asked, [" 1,666,2", " 1", " 666", " 2"])
  })

  it("that fail alone are not asked twice, and nothing is asked about nothing", async () => {
    const { asked, together } = numbers()
    assert.strictEqual((await Promise.allSettled([together.ask([tp(666)])]))[0]!.status, "rejected")
    assert.strictEqual((await together.ask([])).size, 0)
    assert.deepStrictEqual(asked, [" 666"])
  })
})
