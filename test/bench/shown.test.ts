import { assert, describe, it } from "@effect/vitest"
import { faultsOf } from "./shown.ts"

const newest = new Map([
  ["a/1", '# TYPE x counter\nx_total{pod="p,1",code="200"} 17\nup 1\n'],
  ["a/2", "up 0\n"]
])
const attached = (source: string) => [`instance="${source}"`]
const shown = 'x_total{instance="a/1",code="200",pod="p,1"} 17\nup{instance="a/1"} 1e0\nup{instance="a/2"} 0\n'
const faults = (body: string) => faultsOf(body, { newest, attached })

describe("whether a body shows the newest rounds", () => {
  it("takes labels in any order and numbers in any spelling", () => {
    assert.deepStrictEqual(faults(`# HELP up Up.\n${shown}`), [])
  })
  it("finds an older value", () => {
    assert.strictEqual(faults(shown.replace("17", "16")).length, 1)
  })
  it("finds a series that is missing, and an empty body", () => {
    assert.strictEqual(faults(shown.split("\n").slice(1).join("\n")).length, 1)
    assert.match(faults("").join(), /3 of 3 series are missing/)
  })
  it("finds a series that comes twice, and one that was never sent", () => {
    assert.match(faults(`${shown}up{instance="a/2"} 0\n`).join(), /twice/)
    assert.match(faults(`${shown}up{instance="a/3"} 0\n`).join(), /not sent/)
  })
})
