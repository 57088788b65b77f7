/** Generations: what is remembered of texts, and for how long. */
import { assert, it } from "@effect/vitest"
import { Generations } from "../../../src/metrics/text/Generations.ts"
import { intern } from "../../../src/metrics/text/Interned.ts"

it("what is asked for outlives a flood of texts that come once, and nothing else does", () => {
  const memory = new Generations<number>(100, () => 1)
  memory.set("idle", 1)
  memory.set("used", 2)
  for (let i = 0; i < 1000; i++) {
    memory.set(`flood${i}`, i)
    if (i % 40 === 0) assert.strictEqual(memory.get("used"), 2)
  }
  assert.isUndefined(memory.get("idle"))
})

it("is bounded by weight, and leaves alone what weighs much by itself", () => {
  const memory = new Generations<string>(1600, (text) => text.length)
  memory.set("x".repeat(101), "long")
  assert.isUndefined(memory.get("x".repeat(101)))
  const texts = Array.from({ length: 100 }, (_, i) => `${i}`.padEnd(80))
  for (const text of texts) memory.set(text, text)
  assert.isAtMost(texts.filter((text) => memory.get(text) !== undefined).length, 20)
})

it("what was deleted is gone, in whichever generation it is", () => {
  const memory = new Generations<number>(4, () => 0.25)
  for (let i = 0; i < 12; i++) memory.set(`${i}`, i)
  for (let i = 0; i < 12; i++) {
    memory.delete(`${i}`)
    assert.isUndefined(memory.get(`${i}`))
  }
})

it("equal texts are one object again after a flood of others", () => {
  const shared = intern(["a help", "text"].join(" "))
  for (let i = 0; i < 300_000; i++) {
    intern(`flood ${i}`)
    if (i % 10_000 === 0) assert.strictEqual(intern(["a help", "text"].join(" ")), shared)
  }
})
