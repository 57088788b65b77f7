import { assert, describe, it } from "@effect/vitest"
import { failures, type Summary, summaryText } from "../../src/demo/Report.ts"

const good: Summary = {
  elapsed: 12_000,
  sources: 6,
  expectedSources: 6,
  rounds: 60,
  latencies: [100, 200],
  scrapes: 200,
  values: 9_000,
  older: [],
  missing: [],
  moves: 2,
  stopped: false,
  logs: {
    lines: 900,
    rows: 900,
    broken: 0,
    report: "file:///tmp/archive\nlogs/0: offsets 0 to 9 in 1 object, 900 rows"
  }
}
const older = ["demo_jobs_total 3 on pod-b after 4 on pod-a"]

describe("the demo's summary", () => {
  it("says that the check held where every service was seen and nothing older was", () => {
    assert.deepStrictEqual(failures(good), [])
    assert.include(
      summaryText(good),
      "check: no value was ever older than one shown before, and every service is there"
    )
  })

  it("is a failure where a service is missing or nothing was judged, unless someone stopped the demo before its time", () => {
    const early = { ...good, sources: 2, missing: ["demo/a"], values: 0 }
    assert.lengthOf(failures(early), 3)
    assert.include(summaryText(early), "check FAILED: missing from the last scrapes of all pods: demo/a; only 2 of 6")
    const stopped = { ...early, stopped: true }
    assert.deepStrictEqual(failures(stopped), [])
    assert.include(
      summaryText(stopped),
      "stopped early: missing from the last scrapes of all pods: demo/a; only 2 of 6"
    )
  })

  it("is a failure where a log line is missing from the archive, or there twice, or an object is broken, stopped or not", () => {
    for (const logs of [
      { ...good.logs, rows: 899 },
      { ...good.logs, rows: 901 },
      { ...good.logs, broken: 1 }
    ])
      for (const stopped of [true, false]) assert.lengthOf(failures({ ...good, logs, stopped }), 1)
    assert.include(
      summaryText(good),
      "archive: 900 log lines written, 900 archived; verify finds in file:///tmp/archive"
    )
  })

  it("is a failure where an older value was shown, stopped or not", () => {
    for (const stopped of [true, false]) {
      assert.lengthOf(failures({ ...good, older, stopped }), 1)
      assert.include(
        summaryText({ ...good, older, stopped }),
        `check FAILED: 1 older values were shown, the first: ${older[0]}`
      )
    }
  })
})
