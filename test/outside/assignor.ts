/**
 * An assignor that answers nonsense: no partition is ever provably owned twice, no pod shows an older value, all is served once members stay,
 * and what was refused of its wishes is counted and named.
 */
import assert from "node:assert/strict"
import { Fleet } from "../support/fleet.ts"
import { startRounds } from "../support/numberedRounds.ts"
import { Witness } from "../support/witness.ts"
import type { Ground } from "./Ground.ts"

const partitions = 12

interface Doubles {
  readonly cuts: number
  readonly proven: number
  readonly doubles: number
  readonly most: number
  readonly changes: number
  readonly refused: number
}

export const assignor = async ({ kafka, stage, module, options }: Ground): Promise<string> => {
  const brokers = kafka.bootstrap.join()
  await kafka.createTopic("wishes", partitions)
  const looker = stage.run("doubles", process.execPath, [module("doubles"), brokers, "wishes", "10"], options)
  const rounds = await startRounds({
    ...{ brokers: kafka.bootstrap, topic: "wishes", partitions, sources: 24 },
    ...{ every: 300, burst: 3, rare: 60, history: 1_000 }
  })
  const witness = new Witness({ scrapers: 2, pause: 50, timeout: 10_000, exists: rounds.sent })
  try {
    const fleet = new Fleet({
      ...{ stage, topic: "wishes", group: "outside-wishes", sessionTimeout: 10_000, rounds, witness },
      brokers: () => kafka.bootstrap,
      workers: (name) => (name === "a" ? 2 : 1),
      args: ["--expiry", "10m", "--extension", module("nonsense")],
      main: () => options.main,
      env: options.env ?? {}
    })
    for (const name of ["a", "b", "c"]) await fleet.serve(name)
    await fleet.whole()
    for (const name of ["b", "c"]) {
      await fleet.leave(name)
      await fleet.whole()
      await fleet.serve(name)
      await fleet.whole()
    }
    assert.deepEqual(fleet.faults(), [])
    const pods = fleet.running()
    const own = await Promise.all(pods.map((pod) => pod.get("/self/metrics")))
    const counted = [...own.join("\n").matchAll(/^k2p_assignor_wishes_refused_total\{module="nonsense",.*\} (\d+)$/gm)]
    const refused = counted.reduce((sum, [, count]) => sum + Number(count), 0)
    const { code } = await looker.ended
    assert.equal(code, 0, looker.out.stderr)
    const seen = JSON.parse(looker.out.stdout) as Doubles
    assert.equal(seen.doubles, 0)
    assert.equal(seen.most, partitions)
    assert.ok(seen.refused > 0 && refused > 0, "no wish was refused")
    return (
      `0 of ${seen.proven} partitions in ${seen.cuts} proven cuts were owned twice, ${seen.changes} members came and went, ${seen.refused} wishes refused; ` +
      `pods: ${witness.sightings.length} scrapes, 0 older values, ${refused} wishes refused and counted`
    )
  } finally {
    await witness.stop()
    await rounds.stop()
  }
}
