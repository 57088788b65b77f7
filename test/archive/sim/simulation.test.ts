/** Seeds of the archive's simulation: whatever happens to pods, agents, the log and the store, each line is archived once, in order, without a hole. */
import { assert, describe, it } from "vitest"
import { play } from "./ArchiveWorld.ts"

const first = Number(process.env.K2P_SEED ?? 1)
const many = Number(process.env.K2P_SEEDS ?? 24)

describe("the archive in virtual time", () => {
  for (let seed = first; seed < first + many; seed++)
    it(`keeps its promises in seed ${seed}`, () => {
      const { violations, objects, lines } = play(seed)
      if (violations.length > 0) {
        const { history } = play(seed, {}, true)
        assert.fail([...history.slice(-300), ...violations.slice(0, 20)].join("\n"))
      }
      assert.isAbove(objects, 5)
      assert.isAbove(lines, 50)
    })
})
