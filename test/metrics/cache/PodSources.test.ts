/** PodSources: against a plain map, with few slots so that everything collides, and under threads that all want the same. */
import { once } from "node:events"
import { Worker } from "node:worker_threads"
import { assert, describe, it } from "@effect/vitest"
import fc from "fast-check"
import { Holders } from "../../../src/metrics/cache/Holders.ts"
import { PodSources } from "../../../src/metrics/cache/PodSources.ts"

const shards = 3
const table = (slots: number) => {
  const memory = PodSources.memory(slots)
  return Array.from({ length: shards }, (_, shard) => new PodSources(memory, shard))
}

describe("the sources of a pod's workers", () => {
  it("belong to whoever was there first, until it lets go", () => {
    const [a, b] = table(8)
    assert.isTrue(a!.enter("s", "t/0"))
    assert.isTrue(a!.enter("s", "t/0"))
    assert.isFalse(b!.enter("s", "t/1"))
    b!.leave("s", "t/1")
    assert.isFalse(b!.enter("s", "t/1"))
    a!.leave("s", "t/0")
    assert.isTrue(b!.enter("s", "t/1"))
  })

  it("go along with a partition that moves to another worker, whatever becomes of the first", () => {
    const [a, b, c] = table(8)
    a!.enter("s", "t/0")
    assert.isTrue(b!.enter("s", "t/0"))
    a!.leave("s", "t/0")
    assert.isFalse(c!.enter("s", "t/1"))
  })

  it("of a thread that died are free when the next one begins, and no others", () => {
    const [a, b, c] = table(16)
    a!.enter("s", "t/0")
    b!.enter("u", "t/1")
    a!.begin()
    assert.isTrue(c!.enter("s", "t/2"))
    assert.isFalse(c!.enter("u", "t/2"))
  })

  it("a lock that a dead thread left locked holds nobody up for long", () => {
    const memory = PodSources.memory(8)
    new Int32Array(memory)[0] = 1
    const since = performance.now()
    assert.isTrue(new PodSources(memory, 0).enter("s", "t/0"))
    // Whoever holds it and lives is waited for.
    assert.isAtLeast(performance.now() - since, 100)
    assert.isFalse(new PodSources(memory, 1).enter("s", "t/1"))
  })

  it("that find no room are shown and counted", () => {
    const [a, b] = table(8)
    for (let i = 0; i < 9; i++) assert.isTrue(a!.enter(`s${i}`, "t/0"))
    assert.strictEqual(a!.overflowed, 3)
    assert.isTrue(b!.enter("s8", "t/1"))
  })

  it("are as a map has them, whatever comes and goes", () => {
    const command = fc.record({
      shard: fc.nat(shards - 1),
      what: fc.constantFrom("enter", "enter", "enter", "leave", "goes", "goes"),
      source: fc.nat(40),
      partition: fc.nat(2)
    })
    fc.assert(
      fc.property(fc.array(command, { minLength: 100, maxLength: 400 }), fc.nat(50), (commands, begins) => {
        const tables = table(64)
        const model = new Map<number, { shard: number; partition: number }>()
        for (const [i, { shard, what, source, partition }] of commands.entries()) {
          const had = model.get(source)
          if (what === "goes") {
            if (had !== undefined) tables[had.shard]!.leave(`s${source}`, `t/${had.partition}`)
            model.delete(source)
          } else if (i % (begins + 50) === 49) {
            tables[shard]!.begin()
            for (const [s, owner] of model) if (owner.shard === shard) model.delete(s)
          } else if (what === "enter") {
            const free = had === undefined || had.shard === shard || had.partition === partition
            assert.strictEqual(tables[shard]!.enter(`s${source}`, `t/${partition}`), free)
            if (free) model.set(source, { shard, partition })
          } else {
            tables[shard]!.leave(`s${source}`, `t/${partition}`)
            if (had?.shard === shard && had.partition === partition) model.delete(source)
          }
        }
      }),
      { numRuns: 300 }
    )
  })

  it("are one thread's at a time", { timeout: 60_000 }, async () => {
    const memory = PodSources.memory(64)
    const path = new URL("../../../src/metrics/cache/PodSources.ts", import.meta.url).href
    const turns = 2_000
    const held = new Int32Array(new SharedArrayBuffer(4 * 10))
    const code = `
      import { workerData, parentPort } from "node:worker_threads"
      const { PodSources } = await import(${JSON.stringify(path)})
      const { memory, held, shard } = workerData
      const mine = new PodSources(memory, shard)
      let twice = 0, got = 0
      const pauses = () => { for (let j = 0; j < 2_000; j++) Math.sqrt(j) }
      Atomics.add(held, 9, 1)
      while (Atomics.load(held, 9) < 3);
      // As often as it takes: whoever is through leaves the place to the others.
      for (let i = 0; got < ${turns}; i++) {
        const s = i % 2
        if (!mine.enter("s" + s, "t/" + shard)) continue
        got++
        if (Atomics.add(held, s, 1) !== 0) twice++
        pauses()
        Atomics.sub(held, s, 1)
        mine.leave("s" + s, "t/" + shard)
      }
      parentPort.postMessage({ twice, got })`
    const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`)
    const results = await Promise.all(
      [0, 1, 2].map(async (shard) => {
        const [result] = await once(new Worker(url, { workerData: { memory, held, shard } }), "message")
        return result as { readonly twice: number; readonly got: number }
      })
    )
    for (const { twice, got } of results) {
      assert.strictEqual(twice, 0)
      assert.strictEqual(got, turns)
    }
  })

  it("decide for a shard's partitions, too", () => {
    const [a, b] = table(8)
    const holding = (name: string) => ({ name, isHome: () => false, isLive: () => true, yields: () => {} })
    const [one, other] = [new Holders(a), new Holders(b)]
    const [there, elsewhere] = [holding("t/0"), holding("t/1")]
    const now = { wall: 0, mono: 0 }
    assert.isUndefined(one.enter("s", there, now))
    assert.strictEqual(other.enter("s", elsewhere, now), "a partition of another worker")
    one.leave("s", there)
    assert.isUndefined(other.enter("s", elsewhere, now))
  })
})

it("where an id lies is the pod's secret", () => {
  const laid = [0, 1].map(() => {
    const memory = PodSources.memory(1024)
    const pod = new PodSources(memory, 0)
    for (let i = 0; i < 10; i++) pod.enter(`s${i}`, "t/0")
    return [...new Int32Array(memory).subarray(4)].flatMap((n, i) => (i % 4 === 0 && n !== 0 ? [i / 4] : []))
  })
  assert.lengthOf(laid[0]!, 10)
  assert.notDeepEqual(laid[0], laid[1])
})
