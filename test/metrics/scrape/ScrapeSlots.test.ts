/** Who may scrape at once: no client beyond its share, nobody kept out by those who do not read, and never more than fits. */
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { clientOf } from "../../../src/http/ClientAddress.ts"
import { maxOfClient, maxScrapes, ScrapeSlots, type Slot } from "../../../src/metrics/scrape/ScrapeSlots.ts"
import { Seldom } from "../../../src/Seldom.ts"

const entered = (slot: Slot | string): Slot => (typeof slot === "string" ? assert.fail(`refused: ${slot}`) : slot)

describe("scrapes at once", () => {
  it("are as many as fit, of one client its share, and come free", () => {
    const slots = new ScrapeSlots(1)
    const mine = Array.from({ length: maxOfClient }, () => entered(slots.enter("a", 1)))
    assert.strictEqual(slots.enter("a", 1), "client")
    for (let n = maxOfClient; n < maxScrapes; n++) entered(slots.enter(`c${n}`, 1))
    assert.strictEqual(slots.enter("b", 1), "all")
    slots.leave(mine[0]!)
    slots.leave(mine[0]!)
    entered(slots.enter("b", 1))
    assert.strictEqual(slots.enter("b", 1), "all")
  })

  it("of each shard weigh together what one of the whole pod weighs: several servers behind one address have all answered", () => {
    const slots = new ScrapeSlots(16)
    for (let n = 0; n < maxOfClient * 16; n++) entered(slots.enter("nat", 1))
    assert.strictEqual(slots.enter("nat", 1), "client")
    entered(slots.enter("other", 16))
  })

  it("make room when their client does not read, those that are stalled for longest first, and only if that helps", () => {
    const slots = new ScrapeSlots(2)
    const ended: Array<string> = []
    const stalled = (client: string, weight: number, ms: number, name: string) => {
      const slot = entered(slots.enter(client, weight))
      slot.stalledFor = () => ms
      slot.end = () => ended.push(name)
    }
    stalled("a", 2, 0, "reads")
    stalled("a", 2, 1_500, "later")
    stalled("a", 2, 999, "barely")
    stalled("a", 1, 9_000, "first")
    entered(slots.enter("a", 1))
    assert.deepStrictEqual(ended, [])
    entered(slots.enter("a", 1))
    assert.deepStrictEqual(ended, ["first"])
    entered(slots.enter("a", 2))
    assert.deepStrictEqual(ended, ["first", "later"])
    assert.strictEqual(slots.enter("a", 1), "client")
    assert.deepStrictEqual(ended, ["first", "later"])
  })

  it("never weigh more than there is, together and of each client, whoever comes, goes and stalls", () => {
    const step = fc.record({
      client: fc.constantFrom("a", "b", "c", "d", "e", "f"),
      whole: fc.boolean(),
      stalled: fc.constantFrom(0, 0, 500, 1_000, 20_000),
      leaves: fc.option(fc.nat(), { nil: undefined })
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 120 }), (shards, steps) => {
        const slots = new ScrapeSlots(shards)
        const live = new Set<Slot>()
        for (const { client, whole, stalled, leaves } of steps) {
          if (leaves !== undefined && live.size > 0) {
            const slot = [...live][leaves % live.size]!
            slots.leave(slot)
            live.delete(slot)
          }
          const before = [...live]
          const slot = slots.enter(client, whole ? shards : 1)
          if (typeof slot === "string") assert.deepStrictEqual([...live], before, "nobody ends for one that is refused")
          else {
            slot.stalledFor = () => stalled
            slot.end = () => {
              assert.isAtLeast(stalled, 1_000)
              live.delete(slot)
            }
            live.add(slot)
          }
          const weight = (of: (s: Slot) => boolean) => [...live].filter(of).reduce((sum, s) => sum + s.weight, 0)
          assert.isAtMost(
            weight(() => true),
            maxScrapes * shards
          )
          assert.isAtMost(
            weight((s) => s.client === client),
            maxOfClient * shards
          )
        }
      })
    )
  })
})

describe("a client", () => {
  it.each([
    ["10.1.2.3", "10.1.2.3"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["2001:db8:1:2:aaaa:bbbb:cccc:dddd", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::7", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    [undefined, "unknown"]
  ])("at %s is %s", (address, client) => assert.strictEqual(clientOf(address), client))
})

describe("a line for many events", () => {
  it("is told at once, then each ten seconds for all since", () => {
    const seldom = new Seldom()
    assert.deepStrictEqual(
      [0, 1, 2, 9_999, 10_000, 10_001, 30_000].map((now) => seldom.note(now)),
      [1, 0, 0, 0, 4, 0, 2]
    )
  })
})
