/** How often brokers that refuse a login are asked. */
import { assert, describe, it } from "vitest"
import { Logins } from "../../../src/transport/kafka/connection/Logins.ts"
import { TransportError } from "../../../src/transport/Transport.ts"

const error = new TransportError({ op: "login", code: "AUTHENTICATION", retriable: false, detail: "no" })

const world = (random = 1) => {
  let now = 0
  const logins = new Logins(
    () => now,
    () => random
  )
  /** Times at which somebody was let through, who asks again and again and is refused each time. */
  const tries = (until: number): ReadonlyArray<number> => {
    const at: Array<number> = []
    for (; now < until; now += 50)
      if (logins.refusal("b") === undefined) {
        at.push(now)
        logins.refused("b", error)
      }
    return at
  }
  return { logins, tries, pass: (ms: number) => (now += ms) }
}

describe("a broker that refuses logins", () => {
  it("is asked after a growing pause, which is bounded", () => {
    const at = world().tries(60_000)
    const pauses = at.slice(1).map((t, i) => t - at[i]!)
    assert.deepStrictEqual(pauses.slice(0, 7), [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000])
    assert.strictEqual(Math.max(...pauses), 10_000)
  })

  it("is asked by pods at different times, at most twice as often", () => {
    assert.notDeepEqual(world(0).tries(60_000), world(0.5).tries(60_000))
    assert.isAtMost(world(0).tries(600_000).length, 2 * world(1).tries(600_000).length)
  })

  it("is asked by one at a time, on whose outcome the others wait", () => {
    const { logins, pass } = world()
    logins.refused("b", error)
    assert.strictEqual(logins.refusal("b"), error)
    assert.isUndefined(logins.refusal("another"))
    pass(500)
    assert.isUndefined(logins.refusal("b"))
    assert.strictEqual(logins.refusal("b"), error)
    logins.accepted("b")
    assert.isUndefined(logins.refusal("b"))
    assert.isUndefined(logins.refusal("b"))
  })
})
