/** Scout: a change that the watch told of, and that rests from then on, is none that it missed: else every directory would be polled for good. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterEach, assert, describe, it } from "vitest"
import { Scout } from "../../../src/agent/log/Scout.ts"
import { until } from "../../support/until.ts"

/** Ms for which a watch may be late, and some. */
const grace = 2_500

describe("a scout", () => {
  const dir = mkdtempSync(join(tmpdir(), "k2p-scout-"))
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  it("does not say that a watch missed what it told", async () => {
    const path = join(dir, "a.log")
    const told: Array<string> = []
    let size = 0n
    const scout = new Scout({
      globs: [join(dir, "*.log")],
      excludes: [],
      poll: 5,
      globEvery: 20,
      now: () => performance.now(),
      looked: (looked) => {
        for (const seen of looked.values()) if (seen !== undefined) size = BigInt(seen.size)
      },
      trouble: (_, text) => {
        if (text !== "") told.push(text)
      }
    })
    const ticks = setInterval(() => scout.tick(), 5)
    try {
      writeFileSync(path, "")
      let written = 0n
      for (let i = 0; i < 3; i++) {
        appendFileSync(path, "line\n")
        written += 5n
        await until(() => size === written, { what: "the change" })
        await delay(grace)
      }
      assert.deepStrictEqual(
        told.filter((text) => text.includes("missed")),
        []
      )
    } finally {
      clearInterval(ticks)
      scout.close()
    }
  })
})
