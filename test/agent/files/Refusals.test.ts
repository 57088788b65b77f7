import { assert, describe, it } from "vitest"
import { type Judged, tellRefusals } from "../../../src/agent/files/Refusals.ts"
import type { Refused } from "../../../src/agent/files/Wire.ts"

const whole: Refused = { shown: 5, lines: 0, first: undefined, advice: "" }
const partly = (line: number, reason = "value"): Refused => ({
  ...{ shown: 4, lines: 2, advice: "write numbers" },
  first: { reason, line, detail: `no number in line ${line}` }
})
const file = (name: string, refused: Refused | undefined): Judged & { refused: Refused | undefined } => ({
  ...{ path: `/d/${name}.prom`, source: `h/${name}`, toldRefusal: "" },
  refused
})
const texts = (files: Iterable<Judged>) => tellRefusals(files).map(({ level, text }) => `${level} ${text}`)

describe("what is told of dumps that pods do not show whole", () => {
  it("is told once while the reason is the same, and once when it is over", () => {
    const a = file("a", undefined)
    assert.deepStrictEqual(texts([a]), [])
    a.refused = partly(7)
    assert.deepStrictEqual(texts([a]), [
      "warning /d/a.prom (source h/a) is sent, but pods leave out 2 lines of it (value), first line 7: no number in line 7; write numbers"
    ])
    a.refused = partly(9)
    assert.deepStrictEqual(texts([a]), [])
    a.refused = partly(9, "not-utf8")
    assert.lengthOf(texts([a]), 1)
    a.refused = whole
    assert.deepStrictEqual(texts([a]), ["info /d/a.prom (source h/a) is shown whole again"])
    assert.deepStrictEqual(texts([a]), [])
  })

  it("names a dump that is refused, and one without samples", () => {
    const first = { reason: "no-eof", line: 0, detail: "the end is missing" }
    const [none, all] = [
      file("none", { ...whole, shown: 0 }),
      file("all", { shown: 0, lines: 0, first, advice: "write # EOF" })
    ]
    assert.deepStrictEqual(texts([none, all]), [
      "warning /d/none.prom (source h/none) is sent, but pods show nothing of it, it has no samples",
      "warning /d/all.prom (source h/all) is sent, but pods refuse it (no-eof): the end is missing; write # EOF"
    ])
  })

  it("is one line for many files at once", () => {
    const files = Array.from({ length: 800 }, (_, n) => file(String(n), partly(1)))
    const begun = texts(files)
    assert.lengthOf(begun, 1)
    assert.match(begun[0]!, /^warning 800 dump files are sent and not shown whole: .* and 797 more; such as: .*line 1/)
    for (const one of files) one.refused = whole
    assert.match(texts(files).join(), /^info 800 dump files are shown whole again: .* and 797 more$/)
  })
})
