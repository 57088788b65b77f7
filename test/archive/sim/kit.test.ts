/** The archive in the kit's histories of whole pods. Lines, files, agents and logs that lose something are ArchiveWorld's. */
import { assert, it } from "@effect/vitest"
import { simulate } from "../../../src/testing/simulation/Simulate.ts"
import { ofWriters } from "../../testing/histories.ts"
import { archiveSubject } from "./ArchiveSubject.ts"

const timeout = 120_000

it("the archive keeps in the kit's histories what it promises", { timeout }, () => {
  for (const [profile, count] of [
    ["durable", 6],
    ["handedOver", 1]
  ] as const) {
    const { broken } = simulate({ durable: archiveSubject(), seeds: { from: 1, count }, profile })
    if (broken !== undefined) assert.fail(broken.message)
  }
})

it("an archive whose store creates what is there already is found, and told with little else", { timeout }, () => {
  const { broken } = simulate({
    durable: archiveSubject(false),
    histories: ofWriters,
    seeds: { from: 1, count: 20 }
  })
  assert.match(broken!.findings.join("\n"), /is not durable/)
  assert.isAtMost(broken!.schedule.faults.length, 3)
})
