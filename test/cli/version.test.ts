/** Which Node the program runs on. */
import { assert, describe, it } from "@effect/vitest"
import pkg from "../../package.json" with { type: "json" }
import { nodeProblem } from "../../src/version.ts"

describe("a Node that is too old", () => {
  it("is told in one sentence, with what is needed and which one it is", () => {
    for (const old of ["20.20.2", "22.18.9", "21.99.0", "9.0.0"])
      assert.match(nodeProblem(old) ?? "", new RegExp(`^kafka2prom needs Node 22\\.19 or later, this is ${old} \\(/`))
  })

  it("is not the one that the package asks for, nor a later one", () => {
    assert.strictEqual(pkg.engines.node, ">=22.19")
    for (const fine of ["22.19.0", "22.23.3", "23.0.0", "24.21.0", "25.0.0", "100.0.0", process.versions.node])
      assert.isUndefined(nodeProblem(fine))
  })
})
