/**
 * Handoff of many partitions: two pods share 256; one is told to stop (SIGTERM). How long until the other one shows every source of all
 * of them, none older than what the log had confirmed. Seen from outside, by scrapes of both pods all the time; how long each source was in
 * no scrape comes from the same.
 *
 * Measured: real processes, real Kafka, two sources a partition with tiny dumps, so it is the handoff's own time: rebalance, reading commits and log
 * ends, the replay's requests. Not measured: the replay of much text, which is ingest. Precision: the pause between scrapes.
 * `npm run measure:handoff` looks at moves of few partitions, joins and crashes, in more detail.
 */
import { Fleet } from "../support/fleet.ts"
import { startRounds } from "../support/numberedRounds.ts"
import { absences } from "../support/sightings.ts"
import { Witness } from "../support/witness.ts"
import { type Bench, median } from "./Bench.ts"
import { freshGroup } from "./peers/Reader.ts"

const pause = 20

export const movedPartitions: Bench = {
  name: "handoff",
  about: "256 partitions, one of two pods stops: until all sources are visible again",
  run: async ({ stage, kafka, quick, say }) => {
    const cluster = await kafka()
    const partitions = quick ? 32 : 256
    const topic = "moved"
    await cluster.createTopic(topic, partitions)
    const rounds = await startRounds({
      ...{ brokers: cluster.bootstrap, topic, partitions, sources: 2 * partitions },
      ...{ every: 500, burst: 1, rare: 10, history: 0 }
    })
    const witness = new Witness({ scrapers: 1, pause, timeout: 10_000, exists: rounds.sent })
    const fleet = new Fleet({
      ...{ stage, topic, group: freshGroup("moved"), sessionTimeout: 20_000, rounds, witness },
      brokers: () => cluster.bootstrap
    })
    const taken: Array<number> = []
    const gaps: Array<number> = []
    try {
      await fleet.serve("a")
      await fleet.serve("b")
      await fleet.whole(fleet.running(), 60_000)
      for (let i = 0; i < (quick ? 1 : 5); i++) {
        const [leaver, stayer] = i % 2 === 0 ? (["a", "b"] as const) : (["b", "a"] as const)
        const confirmed = new Map(rounds.sources.map((source) => [source, rounds.confirmed(source)]))
        const before = performance.now()
        await witness.more(fleet.running(), 1)
        const since = performance.now()
        await fleet.leave(leaver)
        await fleet.whole([fleet.pod(stayer)], 60_000)
        await witness.more([fleet.pod(stayer)], 1)
        const seen = witness.sightings.filter(({ sentAt }) => sentAt >= before)
        const whole = seen.find(
          ({ pod, sentAt, rounds: shown }) =>
            sentAt >= since &&
            pod === stayer &&
            [...confirmed].every(([source, round]) => (shown.get(source) ?? -1) >= round)
        )
        taken.push(whole!.answeredAt - since)
        gaps.push(Math.max(0, ...absences(seen).map(({ ms }) => ms)))
        say(
          `${leaver} stopped: all visible after ${taken.at(-1)!.toFixed(0)} ms, longest absence ${gaps.at(-1)!.toFixed(0)} ms`
        )
        await fleet.serve(leaver)
        await fleet.whole(fleet.running(), 60_000)
      }
      const faults = fleet.faults()
      if (faults.length > 0) throw new Error(`an older value was shown: ${faults[0]}`)
    } finally {
      await witness.stop()
      await rounds.stop()
    }
    return [
      {
        title: `Handoff: ${partitions} partitions, one of two pods stops`,
        columns: [
          { name: "ms, median", better: "less", digits: 0 },
          { name: "ms, longest", better: "less", digits: 0 }
        ],
        rows: [
          { name: "SIGTERM to all sources visible", cells: [median(taken), Math.max(...taken)] },
          { name: "longest absence of any source", cells: [median(gaps), Math.max(...gaps)] }
        ],
        notes: [
          `${taken.length} stops of either pod in turn; scrapes ${pause} ms after the last answer; no older value in any of ${witness.sightings.length} scrapes.`
        ]
      }
    ]
  }
}
