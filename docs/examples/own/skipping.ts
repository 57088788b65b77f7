/** An extension of one's own around whatever processor there is: records of some keys are not for it, and are counted. */
import { Effect, Layer } from "effect"
import { type Batch, PartitionProcessor, SelfMetrics } from "kafka2prom/engine"
import { type Extension, Kind, settings } from "kafka2prom/extension"
import type { LogRecord } from "kafka2prom/transport"
import { Counter, type Registry } from "prom-client"

const table = settings({ skipKey: { kind: Kind.text("key"), about: "The key that is skipped.", required: true } })

const name = "ours_skipped_total"
/** One for the registry, however often the Layer is built over it. */
const skippedOf = (registry: Registry): Counter =>
  (registry.getSingleMetric(name) as Counter | undefined) ??
  new Counter({ name, help: "Records that were skipped.", registers: [registry] })

const around = (skipKey: string) =>
  Effect.gen(function* () {
    const under = yield* PartitionProcessor
    // Each thread's; on /self/metrics all of them are added up.
    const skipped = skippedOf((yield* SelfMetrics).registry)
    const isSkipped = ({ key }: LogRecord): boolean => key !== null && Buffer.from(key).toString() === skipKey
    return PartitionProcessor.of({
      ...under,
      open: (opening) =>
        Effect.map(under.open(opening), (processing) => ({
          ...processing,
          process: (batch: Batch) => {
            const records = batch.records.filter((record) => !isSkipped(record))
            skipped.inc(batch.records.length - records.length)
            return processing.process({ ...batch, records })
          }
        }))
    })
  })

const extension: Extension<string, typeof table> = {
  name: "skipping",
  module: import.meta.url,
  settings: table,
  configure: ({ values }) => ({
    value: { settings: values.skipKey, agreed: { key: values.skipKey }, notes: [`skips ${values.skipKey}`] }
  }),
  layer: (skipKey) => Layer.effect(PartitionProcessor, around(skipKey))
}

export default extension
