/**
 * What a handoff costs, measured on real processes and a real broker: how long the sources of a partition that moves are in no
 * scrape, that those of all others are in every one, how many partitions move and how many must, what is replayed, and what the
 * proof of ownership costs while nothing happens. Prints a table; asserts nothing, fails only where it cannot measure.
 *
 * Run: npm run measure:handoff -- [--planned 10] [--unscraped 6] [--crashes 6] [--nodes 1|3] [--partitions 24]
 */
import { setTimeout as delay } from "node:timers/promises"
import { parseArgs } from "node:util"
import { Fleet } from "../support/fleet.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { startRounds } from "../support/numberedRounds.ts"
import { visiblePartitions } from "../support/pods.ts"
import { openStage } from "../support/processes.ts"
import { absences, interruptions, latest } from "../support/sightings.ts"
import { until } from "../support/until.ts"
import { Witness } from "../support/witness.ts"
import { idlePod, metadataBytes, steadyState } from "./handoffCost.ts"
import { OwnWord } from "./ownWord.ts"
import { percentiles, type Row, report } from "./table.ts"

const { values } = parseArgs({
  options: {
    planned: { type: "string", default: "10" },
    unscraped: { type: "string", default: "6" },
    crashes: { type: "string", default: "6" },
    nodes: { type: "string", default: "1" },
    partitions: { type: "string", default: "24" }
  }
})
const planned = Number(values.planned)
const unscraped = Number(values.unscraped)
const crashes = Number(values.crashes)
const nodes = values.nodes === "3" ? 3 : 1
const partitions = Number(values.partitions)
const sources = 2 * partitions
const sessionTimeout = 6_000
const pause = 50

/** One membership change and what was seen of it. */
interface Change {
  readonly kind: "leave" | "join" | "crash"
  readonly gaps: ReadonlyArray<number>
  readonly unmovedMissing: ReadonlyArray<string>
  readonly moved: number
  readonly even: number
  readonly replayed: ReadonlyArray<number>
}

const stage = await openStage()
let kafka: KafkaCluster | undefined
try {
  const cluster = await startKafka({ version: "3.9.1", nodes })
  kafka = cluster
  await cluster.createTopic("metrics", partitions)
  const rounds = await startRounds({
    ...{ brokers: cluster.bootstrap, topic: "metrics", partitions, sources },
    every: 500,
    burst: 1,
    rare: 30,
    history: 0
  })
  const witness = new Witness({ scrapers: 1, pause, timeout: 10_000, exists: rounds.sent })
  const fleet = new Fleet({
    ...{ stage, topic: "metrics", group: "measured", sessionTimeout, rounds, witness },
    brokers: () => cluster.bootstrap
  })

  /** Which pod shows which partition. */
  const owners = (): ReadonlyMap<number, string> => {
    const last = latest(witness.sightings)
    const found = new Map<number, string>()
    for (const { name } of fleet.running())
      for (const source of last.get(name)?.rounds.keys() ?? []) found.set(rounds.partitionOf(source), name)
    return found
  }

  /** So many would have to move from these holders for counts that differ by one at most; the assignor goes by load, and may move fewer. */
  const evenMoves = (before: ReadonlyMap<number, string>, names: ReadonlyArray<string>): number => {
    const held = new Map(names.map((name) => [name, 0]))
    let homeless = 0
    for (const owner of before.values())
      if (held.has(owner)) held.set(owner, held.get(owner)! + 1)
      else homeless += 1
    const floor = Math.floor(partitions / names.length)
    const larger = partitions % names.length
    const surplus = [...held.values()].sort((a, b) => b - a).map((n, rank) => n - floor - (rank < larger ? 1 : 0))
    return homeless + surplus.reduce((sum, n) => sum + Math.max(0, n), 0)
  }

  const replayedSince = async (at: number): Promise<ReadonlyArray<number>> => {
    const all = await Promise.all(fleet.running().map((pod) => pod.status()))
    const handoffs = all.flatMap(({ shards }) => shards.flatMap((shard) => shard.handoffs))
    return handoffs.flatMap((handoff) => {
      const found = /start (\d+), fence (\d+)/.exec(handoff.detail)
      if (handoff.at < at || handoff.kind !== "acquired" || found === null) return []
      return [Math.max(0, Number(found[2]) - Number(found[1]))]
    })
  }

  const change = async (kind: Change["kind"], name: string, act: () => Promise<unknown>): Promise<Change> => {
    await fleet.whole()
    const before = owners()
    const bystanders = fleet.others(name)
    const [since, at] = [performance.now(), Date.now()]
    await witness.more(fleet.running(), 1)
    await act()
    await fleet.whole()
    await witness.more(fleet.running(), 2)
    const seen = witness.sightings.filter((s) => s.sentAt >= since)
    const after = owners()
    const names = fleet.running().map((pod) => pod.name)
    const result = {
      kind,
      gaps: absences(seen).map(({ ms }) => ms),
      unmovedMissing: bystanders.flatMap((pod) => interruptions(seen, pod.name)),
      moved: [...before].filter(([partition, owner]) => after.get(partition) !== owner).length,
      even: evenMoves(before, names),
      replayed: await replayedSince(at)
    }
    const worst = Math.round(Math.max(0, ...result.gaps))
    process.stderr.write(`${kind} of ${name}: ${result.moved} partitions moved, longest absence ${worst} ms\n`)
    return result
  }

  /** The same while nobody scrapes: how long each partition that moved was shown by no pod, in the pods' own words. */
  const unscrapedChange = async (act: () => Promise<unknown>): Promise<ReadonlyArray<number>> => {
    await fleet.whole()
    witness.resting = true
    // Past the time after a generation in which pods ask more often, and at any phase of their heartbeats.
    await delay(3_000 + Math.random() * 500)
    const before = fleet.running()
    const word = new OwnWord(() => [...new Set([...before, ...fleet.running()])], [...names, "d"])
    await until(() => before.every(({ name }) => word.sightings.some((s) => s.pod === name)), { what: "a first word" })
    await act()
    const spread = async () => (await Promise.all(fleet.running().map(visiblePartitions))).map(({ length }) => length)
    const whole = (counts: ReadonlyArray<number>) =>
      counts.every((n) => n > 0) && counts.reduce((sum, n) => sum + n, 0) === partitions
    await until(async () => whole(await spread()), { what: "all partitions visible" })
    await word.stop()
    witness.resting = false
    return absences(word.sightings).map(({ ms }) => ms)
  }

  const changes: Array<Change> = []
  const names = ["a", "b", "c"]
  await Promise.all(names.map((name) => fleet.serve(name)))
  await fleet.whole(fleet.running(), 60_000)
  for (let i = 0; i < planned; i++) {
    changes.push(await change("join", "d", () => fleet.serve("d")))
    changes.push(await change("leave", "d", () => fleet.leave("d")))
  }
  const alone: { join: Array<number>; leave: Array<number> } = { join: [], leave: [] }
  for (let i = 0; i < unscraped; i++) {
    alone.join.push(...(await unscrapedChange(() => fleet.serve("d"))))
    alone.leave.push(...(await unscrapedChange(() => fleet.leave("d"))))
    process.stderr.write(
      `unscraped: longest absence ${Math.round(Math.max(...alone.join, ...alone.leave))} ms so far\n`
    )
  }
  await fleet.serve("d")
  for (let i = 0; i < crashes; i++) {
    const victim = [...names, "d"][i % 4]!
    changes.push(await change("crash", victim, () => fleet.kill(victim)))
    await fleet.serve(victim)
  }
  await fleet.whole()

  const of = (...kinds: ReadonlyArray<Change["kind"]>) => changes.filter(({ kind }) => kinds.includes(kind))
  const moves = (kind: Change["kind"]): Row => {
    const those = of(kind)
    const sum = (pick: (each: Change) => number) => those.reduce((n, each) => n + pick(each), 0)
    return [
      `partitions moved, ${kind} (${those.length}×)`,
      `${sum((c) => c.moved)}, even counts need ${sum((c) => c.even)}`,
      ""
    ]
  }
  const faults = fleet.faults()
  const missing = changes.flatMap((each) => each.unmovedMissing)
  const gap = (...kinds: ReadonlyArray<Change["kind"]>) => percentiles(of(...kinds).flatMap(({ gaps }) => gaps))
  const rows: Array<Row> = [
    ["absence of a moved source, pod stopped", gap("leave"), "p99 ≤ 1 s"],
    ["absence of a moved source, pod started", gap("join"), "p99 ≤ 1 s"],
    ["partition shown by no pod, pod stopped, nobody scraping", percentiles(alone.leave), "p99 ≤ 1 s"],
    ["partition shown by no pod, pod started, nobody scraping", percentiles(alone.join), "p99 ≤ 1 s"],
    ["absence of a moved source, pod killed", gap("crash"), `≤ ${(sessionTimeout + 3_000) / 1000} s`],
    ["scrapes that lacked a source that did not move", String(missing.length), "0"],
    ["older values", `${faults.length} in ${witness.sightings.length} scrapes`, "0"],
    moves("leave"),
    moves("join"),
    moves("crash"),
    [
      "records replayed per partition",
      percentiles(
        changes.flatMap(({ replayed }) => replayed),
        "records"
      ),
      ""
    ]
  ]
  for (const line of [...faults.slice(0, 5), ...missing.slice(0, 5)]) process.stderr.write(`${line}\n`)
  rows.push(...(await steadyState(fleet, witness)))
  rows.push(await metadataBytes(cluster, "measured", "metrics"))
  await witness.stop()
  await rounds.stop()
  for (const { name } of fleet.running()) await fleet.leave(name)
  rows.push(...(await idlePod(stage, cluster)))
  report(
    `${nodes} broker(s) of Kafka 3.9.1, ${partitions} partitions, ${sources} sources with a round each ${500} ms, 3 to 4 pods, ` +
      `session timeout ${sessionTimeout / 1000} s, each pod scraped ${pause} ms after its last answer`,
    rows
  )
} finally {
  await stage.close()
  await kafka?.stop()
}
