/** When a member is dark, why, and what the log says of it: once when it begins to matter, once when it is over. */
import { assert, describe, it } from "@effect/vitest"
import { Doubt } from "../../../src/engine/group/Doubt.ts"

const group = "k2p"

describe("a member that the coordinator does not confirm", () => {
  it("is told dark once, after two seconds, since it was confirmed last, and lit with how long it took", () => {
    const doubt = new Doubt()
    assert.isUndefined(doubt.heard("OK", 0, 10, 4, group))
    assert.isUndefined(doubt.heard("CONNECTION", 500, 510, 4, group))
    assert.deepInclude(doubt.status(1_000, []), { heartbeat: "CONNECTION", darkMs: 990 })
    const dark = doubt.heard("TIMEOUT", 2_000, 7_010, 4, group)!
    assert.deepInclude(dark, { dark: true, durationMs: 7_000 })
    assert.match(dark.text, /group k2p has not confirmed this member for 7\.0 s \(TIMEOUT\).*4 partitions/)
    assert.isUndefined(doubt.heard("TIMEOUT", 8_000, 14_000, 0, group))
    const lit = doubt.heard("REBALANCE_IN_PROGRESS", 40_000, 40_010, 4, group)!
    assert.deepInclude(lit, { dark: false, durationMs: 40_000 })
    assert.deepStrictEqual(doubt.status(50_000, []).darkMs, null)
    assert.isUndefined(doubt.heard("OK", 41_000, 41_010, 4, group))
  })

  it("is not told of one answer that was missing, nor before it ever was a member", () => {
    const doubt = new Doubt()
    assert.isUndefined(doubt.heard("TIMEOUT", 0, 60_000, 0, group))
    assert.isUndefined(doubt.heard("OK", 60_000, 60_001, 0, group))
    assert.isUndefined(doubt.heard("CONNECTION", 61_000, 61_100, 1, group))
    assert.isUndefined(doubt.heard("OK", 61_600, 61_601, 1, group))
  })
})
