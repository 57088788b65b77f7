/** An extension of one's own around whatever processor there is: records of some keys are not for it. */
import { Effect, Layer } from "effect"
import { type Batch, PartitionProcessor } from "kafka2prom/engine"
import { type Extension, Kind, settings } from "kafka2prom/extension"

const table = settings({ skipKey: { kind: Kind.text("key"), about: "The key that is skipped.", required: true } })

const extension: Extension<string, typeof table> = {
  name: "skipping",
  module: import.meta.url,
  settings: table,
  configure: ({ values }) => ({
    value: { settings: values.skipKey, agreed: { key: values.skipKey }, notes: [`skips ${values.skipKey}`] }
  }),
  layer: (skipped) =>
    Layer.effect(
      PartitionProcessor,
      Effect.map(PartitionProcessor, (under) =>
        PartitionProcessor.of({
          ...under,
          open: (...opening) =>
            Effect.map(under.open(...opening), (processing) => ({
              ...processing,
              process: (batch: Batch) =>
                processing.process({
                  ...batch,
                  records: batch.records.filter(({ key }) => key === null || Buffer.from(key).toString() !== skipped)
                })
            }))
        })
      )
    )
}

export default extension
