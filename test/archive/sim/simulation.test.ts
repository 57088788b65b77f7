/** Seeds of the archive's simulation: whatever happens to pods, agents, the log and the store, each line is archived once, in order, without a hole. */
import { assert, describe, it } from "vitest"
import { play } from "./ArchiveWorld.ts"

const first = Number(process.env.K2P_SEED ?? 1)
const many = Number(process.env.K2P_SEEDS ?? 24)

/** What must have been played, or the seeds show nothing of it. */
const troubles = [
  ...["the store: refused", "the store: lost", "the store: late", "the store: hangs", "a create is refused"],
  ...["a pod is killed", "a pod leaves", "a pod is frozen", "a pod is cut off", "a pod ends with an object on its way"],
  ...["an agent crashes and repeats", "commits lose their metadata", "the group is reset"],
  ...["retention passes C", "the log goes back", "the topic is made anew", "a partition is added"]
]

describe("the archive in virtual time", () => {
  const happened = new Map<string, number>()
  for (let seed = first; seed < first + many; seed++)
    it(`keeps its promises in seed ${seed}`, () => {
      const { violations, objects, lines, happened: now } = play(seed)
      for (const [what, times] of now) happened.set(what, (happened.get(what) ?? 0) + times)
      if (violations.length > 0) {
        const { history } = play(seed, {}, true)
        assert.fail([...history.slice(-300), ...violations.slice(0, 20)].join("\n"))
      }
      assert.isAbove(objects, 5)
      assert.isAbove(lines, 50)
    })

  it.runIf(many >= 24)("meets every trouble that it is for", () => {
    assert.deepStrictEqual(
      troubles.filter((what) => (happened.get(what) ?? 0) === 0),
      []
    )
    if (process.env.K2P_TELL !== undefined) console.log(Object.fromEntries(happened))
  })
})
