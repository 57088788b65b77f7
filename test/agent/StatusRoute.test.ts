import { assert, it } from "vitest"
import type { AgentStatus } from "../../src/agent/Agent.ts"
import { statusOf } from "../../src/agent/StatusRoute.ts"

it("the status of an agent counts all, and names the first, those in trouble before the others", () => {
  const files: AgentStatus["files"] = Array.from({ length: 1500 }, (_, n) => ({
    ...{ path: `/d/${n}.prom`, source: `h/${n}`, state: n === 1400 ? "incomplete" : "taken" },
    why: n === 1400 ? "its last line has no end" : ""
  }))
  const status = statusOf({
    topic: "t",
    epoch: 1,
    partitionBase: null,
    bufferBytes: 0,
    files,
    targets: [],
    sources: []
  })
  assert.deepInclude(status, { fileCount: 1500, filesByState: { taken: 1499, incomplete: 1 }, sourceCount: 0 })
  assert.lengthOf(status.files, 1000)
  assert.deepStrictEqual(
    status.files.slice(0, 2).map(({ source }) => source),
    ["h/1400", "h/0"]
  )
})
