/** Load: the pace of what arrives, smoothed, and its rounding for the claims. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { codedLoad, Load, loadCode } from "../../../src/engine/group/Load.ts"

/** A minute of ten records a second, 200 bytes each. */
const watched = (): Load => {
  const load = new Load()
  load.begin(1_000, 0)
  load.consumed(600, 120_000)
  assert.strictEqual(load.measure(1_600, 60_000), 2_000)
  return load
}

describe("a partition's load", () => {
  it("is the log end's pace times the size of its records", () => void watched())

  it("is not known before it was watched for ten seconds", () => {
    const load = new Load()
    assert.isUndefined(load.measure(50, 20_000))
    load.begin(0, 20_000)
    load.consumed(50, 5_000)
    assert.isUndefined(load.measure(50, 29_999))
    assert.strictEqual(load.measure(50, 30_000), 500)
  })

  it("is not known before anything was fetched, nor while records came and none was read", () => {
    const load = new Load()
    load.begin(0, 0)
    assert.isUndefined(load.measure(-1, 20_000))
    assert.isUndefined(load.measure(50, 20_000))
    assert.strictEqual(load.measure(0, 20_000), 0)
  })

  it("does not count a replay: what was in the log before arrived at another time", () => {
    const load = new Load()
    load.begin(1_000_000, 0)
    load.consumed(900_000, 90_000_000)
    assert.strictEqual(load.measure(1_000_100, 10_000), 1_000)
  })

  it("is what arrives, not what an owner that lags can read", () => {
    const load = new Load()
    load.begin(0, 0)
    load.consumed(10, 1_000)
    assert.strictEqual(load.measure(5_000, 10_000), 50_000)
  })

  it("follows a change over about a minute, at once after a long time", () => {
    const soon = watched()
    const rate = soon.measure(1_600, 70_000)!
    assert.isAbove(rate, 1_500)
    assert.isBelow(rate, 2_000)
    const late = watched().measure(1_600, 660_000)!
    assert.isBelow(late, 1)
  })

  it("is the same when it is asked for again at once", () => {
    const load = watched()
    assert.strictEqual(load.measure(1_700, 61_000), 2_000)
  })

  it("starts over with its actor: a log that went back is no negative load", () => {
    const load = watched()
    load.begin(7, 61_000)
    assert.isAtLeast(load.measure(7, 90_000)!, 0)
    assert.isAtLeast(load.measure(3, 120_000)!, 0)
  })

  it("travels with two digits", () => {
    assert.strictEqual(loadCode(4_312_000), 435)
    assert.strictEqual(codedLoad(435), 4_300_000)
    fc.assert(
      fc.property(fc.double({ min: 0, max: 90e9, noNaN: true }), (load) => {
        const code = loadCode(load)
        assert.isBelow(code, 1_000)
        assert.isAtMost(Math.abs(codedLoad(code) - load), Math.max(0.5, load * 0.051))
        assert.strictEqual(loadCode(codedLoad(code)), code)
      })
    )
  })
})
