import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { assignTwoStep } from "../../../src/engine/group/Assignor.ts"
import { encodeAssignment, encodeClaims } from "../../../src/engine/group/Claims.ts"
import { defaultEngineOptions } from "../../../src/engine/Options.ts"
import { encodeCommitMetadata } from "../../../src/engine/partition/CommitMetadata.ts"
import metricsApp from "../../../src/metrics/MetricsApp.ts"
import { podTable } from "../../../src/pod/PodSettings.ts"
import { assumptions, defaults, loadOf, settings } from "./Figures.ts"
import { limitsOf } from "./Limits.ts"
import { type Coefficients, coresOf, type Given, type Load, planOf, readingCpu, residentOf, volumeOf } from "./Model.ts"
import { membersOf, topic } from "./membersOf.ts"

/** Numbers that a head can multiply; the defaults change with every run of the benchmarks. */
const plain: Coefficients = {
  ...defaults,
  ingest: { none: 2e-9, gzip: 5e-9, zstd: 4e-9 },
  firstRound: 6e-9,
  scrapeCpu: 5e-9,
  scrapeWall: 6e-9,
  scrapeRatio: 20,
  bodyPerLive: 1.4,
  memoryBase: 200e6,
  memoryPerWorker: 50e6,
  memoryPerLive: 2,
  idleWorker: 0.01,
  ratio: { none: 1, gzip: 10, zstd: 10 }
}
const given: Given = { coefficients: plain, settings, assumptions }
const near = (actual: number, expected: number, within = 1e-9): void =>
  assert.approximately(actual, expected, Math.abs(expected) * within)

const loads = fc.record({
  gigabytes: fc.double({ min: 0.01, max: 1_000, noNaN: true }),
  compression: fc.constantFrom("none", "gzip", "zstd"),
  dumpInterval: fc.integer({ min: 1, max: 120 }),
  scrapers: fc.integer({ min: 1, max: 3 })
})
const load = ({ gigabytes, ...rest }: { readonly gigabytes: number } & Partial<Load>): Load => loadOf(gigabytes, rest)

describe("the scaling model", () => {
  it("makes of 50 GB a minute what a head makes of it", () => {
    const plan = planOf(loadOf(50, { dumpBytes: 125_000, seriesPerDump: 1_000 }), given)
    // 50e9 / 60 = 833.3 MB/s; in 30 s 25 GB; of 125 KB each 200,000 sources, of 1,000 series each 200 M.
    near(plan.volume.liveText, 25e9)
    near(plan.volume.sources, 200_000)
    near(plan.volume.series, 200e6)
    near(plan.volume.body, 35e9)
    // 200 M / 10 M. A cell: 10 targets of 1 M, so three pods of four workers, and one pod more.
    assert.strictEqual(plan.cells, 20)
    assert.strictEqual(plan.cell.pods, 4)
    assert.strictEqual(plan.pods, 80)
    assert.strictEqual(plan.workers, 320)
    assert.strictEqual(plan.partitions, 1_280)
    assert.strictEqual(plan.prometheus, 40)
    // 833.3 MB/s × 2 ns = 1.667; 35 GB × 5 ns × 2 / 30 s = 11.67; 320 × 0.01.
    near(plan.cores.ingest, 1.6667, 1e-4)
    near(plan.cores.scrapes, 11.6667, 1e-4)
    near(plan.cores.membership, 3.2)
    // A pod when one of four is gone: 1.25 GB / 3 × 2 + 200 MB + 3 × 50 MB, of which it may use three quarters.
    near(plan.cell.podMemory, (833.333e6 + 350e6) / 0.75, 1e-5)
    // 16.533 cores / 20 cells / 3 pods / 0.6.
    near(plan.cell.podCores, 0.45926, 1e-4)
    // 833.3 MB/s × 3 / 100 MB/s.
    assert.strictEqual(plan.brokers.count, 25)
    // 320 workers, two to the coordinator and two to each of four brokers, over 25 brokers.
    near(plan.connections.perBroker, 128)
    near(plan.network.scraped, (35e9 * 2) / 30 / 20)
    near(plan.cell.target.series, 625_000)
    // 1.75 GB / 16 workers × 6 ns.
    near(plan.cell.target.seconds, 0.65625)
    // 1.75 GB / 3 pods, twice, × 5 ns, on one core.
    near(plan.cell.crowded, 5.8333, 1e-4)
    // Each worker: 2 heartbeats, 1 commit, 2 scrapes in 30 s.
    near(plan.cell.group.requests, 16 * (3 + 2 / 30))
    // A killed pod's 312.5 MB: two rounds at 2 ns, the first of them 6 ns more, on 12 workers.
    near(plan.cell.replay, (625e6 * 2e-9 + 312.5e6 * 6e-9) / 12)
  })

  it("is linear where it says so: volume, cores and memory in the bytes", () =>
    fc.assert(
      fc.property(loads, fc.double({ min: 0.1, max: 10, noNaN: true }), (shape, factor) => {
        const [one, more] = [load(shape), load({ ...shape, gigabytes: shape.gigabytes * factor })]
        for (const [name, value] of Object.entries(volumeOf(one, given)))
          near(volumeOf(more, given)[name as "series"], value * factor)
        near(coresOf(more, given, 0).all, coresOf(one, given, 0).all * factor)
        const grown = (text: number): number => residentOf(text, 3, given) - residentOf(0, 3, given)
        near(grown(factor * 1e9), factor * grown(1e9))
      })
    ))

  it("never takes less of anything for more bytes", () =>
    fc.assert(
      fc.property(loads, fc.double({ min: 1, max: 20, noNaN: true }), (shape, factor) => {
        const [less, more] = [load(shape), load({ ...shape, gigabytes: shape.gigabytes * factor })].map((each) =>
          planOf(each, given)
        )
        for (const what of ["cells", "prometheus"] as const) assert.isAtLeast(more![what], less![what])
        assert.isAtLeast(more!.brokers.byWrites, less!.brokers.byWrites)
        assert.isAtLeast(more!.cores.ingest, less!.cores.ingest)
      })
    ))

  it("keeps every bound that it plans for, also with one pod of a cell gone", () =>
    fc.assert(
      fc.property(loads, (shape) => {
        const { cell, brokers, partitions } = planOf(load(shape), given)
        assert.isAtLeast(cell.pods, 2)
        assert.isAtMost(cell.volume.series, assumptions.seriesPerPrometheus * (1 + 1e-9))
        assert.isAtMost(cell.target.seriesOneGone, assumptions.seriesPerTarget * (1 + 1e-9))
        assert.isAtMost(cell.volume.wire / cell.partitions, assumptions.partitionWrites * (1 + 1e-9))
        assert.isAtMost((partitions * assumptions.replication) / brokers.count, assumptions.partitionsPerBroker)
      })
    ))

  it("carries each limit's own load exactly to that limit", () => {
    const at = (what: string): Load => {
      const limit = limitsOf(loadOf(50), given).find((each) => each.what.startsWith(what))!
      return { ...loadOf(50), bytesPerSecond: limit.bytesPerSecond }
    }
    near(volumeOf(at("one target"), given).series, assumptions.seriesPerTarget)
    near(volumeOf(at("one Prometheus"), given).series, assumptions.seriesPerPrometheus)
    near(coresOf(at("one core, ingest and"), given, 0).all, 1)
    const bytes = limitsOf(loadOf(50), given).map(({ bytesPerSecond }) => bytesPerSecond)
    assert.deepStrictEqual(
      bytes,
      bytes.toSorted((a, b) => a - b)
    )
  })

  it("charges first rounds on top", () => {
    near(readingCpu(100e6, 0, given), 0.2)
    near(readingCpu(100e6, 50e6, given), 0.5)
  })
})

describe("the model's numbers of the protocol", () => {
  it("are the sizes that claims and assignments have", () => {
    for (const [members, partitions] of [
      [16, 64],
      [336, 1_344],
      [400, 6_400]
    ] as const) {
      const group = membersOf(members, partitions)
      const given = assignTwoStep(group.members, group.partitions, group.loads)
      const encoded = group.members.reduce(
        (sum, { memberId, claims }) =>
          sum + encodeClaims([topic], claims).length + encodeAssignment(given.get(memberId) ?? []).length,
        0
      )
      // Ids, host and timeouts, which the broker adds.
      const stored = encoded + members * 150
      near(members * defaults.groupPerMember + partitions * defaults.groupPerPartition, stored, 0.15)
    }
  })
  it("are the size that a commit has", () => {
    const metadata = encodeCommitMetadata({
      reservation: 123_456_789,
      lowest: 123_455_789,
      witness: { offset: 123_456_000, crc: 4_000_000_000 },
      marks: Array.from({ length: 10 }, (_, i) => ({
        end: 123_440_000 + 1_600 * i,
        read: 123_440_000 + 1_600 * i,
        ago: 24_000 * (9 - i)
      })),
      quarantine: null,
      judgedBy: "01234567",
      unread: [],
      memo: ""
    })
    // Key: version, group, topic, partition; value: version, offset, epoch, metadata, time; record and batch around them.
    const rest = 2 + (2 + "kafka2prom".length) + (2 + topic.length) + 4 + (2 + 8 + 4 + 2 + 8) + 15
    near(defaults.commitPerPartition, rest + metadata.length, 0.15)
  })
  it("are the pace of heartbeats and commits and the limits that a pod has by default", () => {
    assert.strictEqual(settings.heartbeatsPerSecond, 1_000 / defaultEngineOptions.heartbeatInterval)
    assert.strictEqual(settings.commitsPerSecond, 1_000 / defaultEngineOptions.commitInterval)
    const shown = JSON.stringify(podTable(metricsApp))
    assert.include(shown, `"fallback":"${settings.maxPodSeries}"`)
    assert.strictEqual(settings.maxPodBytes, 1024 ** 3)
  })
})
