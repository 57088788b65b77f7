import { assert, describe, it } from "@effect/vitest"
import { dated } from "../../../src/agent/files/Dating.ts"
import { lookAt } from "./look.ts"

/** The wall clock is a million ms ahead of the monotonic one. */
const [now, wall] = [50_000, 1_050_000]
const change = { at: now - 300, wall: wall - 300, lookBefore: wall - 1_300 }

describe("Dating", () => {
  it("at its first sight a file is as old as its time says, and never of the future", () => {
    assert.deepStrictEqual(dated(lookAt(wall - 7_000), true, change, now, wall), { time: wall - 7_000, age: 7_000 })
    assert.deepStrictEqual(dated(lookAt(wall + 7_000), true, change, now, wall), { time: wall, age: 0 })
  })

  it("what changed while it was looked at is as old as the change, whatever its time says", () => {
    for (const written of [0, wall - 7_000, wall - 400, wall + 7_000])
      assert.strictEqual(dated(lookAt(written), false, change, now, wall).age, 300)
  })

  it("its time is believed from a second before the look before up to now, else the change counts", () => {
    const timeOf = (written: number) => dated(lookAt(written), false, change, now, wall).time
    assert.strictEqual(timeOf(wall - 400), wall - 400)
    assert.strictEqual(timeOf(wall - 2_300), wall - 2_300)
    assert.strictEqual(timeOf(wall), wall)
    assert.strictEqual(timeOf(wall - 2_301), wall - 300)
    assert.strictEqual(timeOf(wall + 1), wall - 300)
    assert.strictEqual(dated(lookAt(0), false, { ...change, wall: wall + 9 }, now, wall).time, wall)
  })
})
