import { assert, describe, it } from "@effect/vitest"
import { Claims } from "../../../src/agent/files/Claims.ts"

describe("Claims", () => {
  it("the first that asked has the id; when it leaves the next one has it", () => {
    const claims = new Claims([])
    for (const path of ["/a", "/b", "/c", "/a"]) claims.ask("s", path)
    assert.deepStrictEqual(
      ["/a", "/b", "/c"].map((path) => claims.rival("s", path)),
      [undefined, "/a", "/a"]
    )
    assert.strictEqual(claims.leave("s", "/b"), undefined)
    assert.strictEqual(claims.leave("s", "/a"), "/c")
    assert.strictEqual(claims.rival("s", "/c"), undefined)
    assert.strictEqual(claims.leave("s", "/c"), undefined)
    assert.strictEqual(claims.rival("s", "/d"), undefined)
  })

  it("one that left and comes back asks anew", () => {
    const claims = new Claims([])
    for (const path of ["/a", "/b"]) claims.ask("s", path)
    claims.leave("s", "/a")
    claims.ask("s", "/a")
    assert.strictEqual(claims.rival("s", "/a"), "/b")
  })

  it("an id that is another's is no file's, whoever leaves", () => {
    const claims = new Claims([["s", "--log /l"]])
    for (const path of ["/a", "/b"]) claims.ask("s", path)
    assert.strictEqual(claims.rival("s", "/a"), "--log /l")
    assert.strictEqual(claims.leave("s", "/a"), undefined)
    assert.strictEqual(claims.rival("s", "/b"), "--log /l")
  })

  it("ids do not touch each other", () => {
    const claims = new Claims([])
    claims.ask("s", "/a")
    claims.ask("t", "/b")
    assert.strictEqual(claims.rival("t", "/b"), undefined)
    assert.strictEqual(claims.leave("t", "/a"), undefined)
    assert.strictEqual(claims.rival("t", "/c"), "/b")
  })
})
