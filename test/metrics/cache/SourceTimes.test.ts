/** When the last round of each source was accepted or refused, as series of the pod's own: valid, bounded, by the broker's clock alone. */
import { assert, describe, it } from "@effect/vitest"
import { acceptedName, refusedName, SourceTimes } from "../../../src/metrics/cache/SourceTimes.ts"
import { isReserved } from "../../../src/metrics/text/ReservedNames.ts"

const linesOf = (times: SourceTimes, accepted: ReadonlyArray<readonly [string, number]> = []) =>
  [...(times.dump("instance", accepted)?.families ?? [])].flatMap(({ bytes }) =>
    Buffer.from(bytes).toString().split("\n").slice(0, -1)
  )

describe("the times of sources", () => {
  it("are the broker's, of each source that is shown or refused, with its id escaped", () => {
    const times = new SourceTimes()
    times.refuse('b"\\\n', 2_500)
    times.refuse('b"\\\n', 2_000)
    assert.deepStrictEqual(
      linesOf(times, [
        ["a", 1_732_000_000_123],
        ["no broker's", Number.NEGATIVE_INFINITY]
      ]),
      [`${acceptedName}{instance="a"} 1732000000.123`, `${refusedName}{instance="b\\"\\\\\\n"} 2.5`]
    )
  })

  it("are none where no broker told one", () => {
    const times = new SourceTimes()
    times.refuse("a", Number.NEGATIVE_INFINITY)
    times.refuse("", 5)
    assert.isUndefined(times.dump("instance", [["a", Number.NEGATIVE_INFINITY]]))
  })

  it("are bounded: who was refused longest ago goes", () => {
    const times = new SourceTimes()
    for (let k = 0; k < 5_000; k++) times.refuse(`s${k}`, k)
    times.refuse("s4000", 9_000)
    const lines = linesOf(times)
    assert.lengthOf(lines, 1_000)
    assert.strictEqual(lines[0], `${refusedName}{instance="s4001"} 4.001`)
    assert.strictEqual(lines.at(-1), `${refusedName}{instance="s4000"} 9`)
  })

  it("have names that no source may use", () => {
    assert.deepStrictEqual([acceptedName, refusedName].map(isReserved), [true, true])
  })
})
