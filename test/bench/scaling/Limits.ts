/** Limits: at how many bytes a second one of each thing is full, the narrowest first. Where a system that grows breaks first, by the model. Pure. */
import { coresOf, type Given, type Load, planOf, volumeOf } from "./Model.ts"

export interface Limit {
  readonly what: string
  /** The bytes a second at which one of it is full, at this load's shape. */
  readonly bytesPerSecond: number
  readonly remedy: string
}

/** What one of each thing can carry, the narrowest first. */
export const limitsOf = (load: Load, given: Given): ReadonlyArray<Limit> => {
  const { coefficients: c, settings: s, assumptions: a } = given
  const unit = { ...load, bytesPerSecond: 1 }
  const volume = volumeOf(unit, given)
  const { oneGroup, partitions } = planOf(load, given)
  const limits: ReadonlyArray<Limit> = [
    {
      what: "one target, series",
      bytesPerSecond: a.seriesPerTarget / volume.series,
      remedy: "more workers, each a target of its own through `/sd`"
    },
    {
      what: "one pod with the default limits",
      bytesPerSecond: Math.min(s.maxPodBytes / volume.body, s.maxPodSeries / volume.series),
      remedy: "`--max-pod-bytes`, `--max-pod-series`"
    },
    {
      what: "one Prometheus, series",
      bytesPerSecond: a.seriesPerPrometheus / volume.series,
      remedy: "another cell: topic, group, pods, Prometheus"
    },
    {
      what: "one core, ingest and scrapes",
      bytesPerSecond: 1 / coresOf(unit, given, 0).all,
      remedy: "more workers"
    },
    {
      what: "one core, ingest alone",
      bytesPerSecond: 1 / c.ingest[load.compression],
      remedy: "more workers"
    },
    {
      what: `${a.replication} brokers, writes`,
      bytesPerSecond: a.brokerWrites / volume.wire,
      remedy: "more brokers; compression"
    },
    {
      what: "one group, coordinator's requests",
      bytesPerSecond: (load.bytesPerSecond * a.coordinatorRequests) / oneGroup.requests,
      remedy: "more groups"
    },
    {
      what: "one group, its metadata record",
      bytesPerSecond: (load.bytesPerSecond * a.groupRecord) / oneGroup.record,
      remedy: "more groups; message.max.bytes"
    },
    {
      what: `${a.replication} brokers, partitions`,
      bytesPerSecond: (load.bytesPerSecond * a.partitionsPerBroker) / partitions,
      remedy: "more brokers; fewer partitions a worker"
    }
  ]
  return limits.toSorted((x, y) => x.bytesPerSecond - y.bytesPerSecond)
}
