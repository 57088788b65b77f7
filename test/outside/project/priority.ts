/** An extension that brings a strategy of back pressure: of a queue that is full the records of sources that are not "vip-…" go first. */
import { Layer } from "effect"
import { type Extension, type RecordHead, settings } from "kafka2prom"

const priority = ({ key }: RecordHead): number =>
  key !== null && Buffer.from(key).toString().startsWith("vip-") ? 1 : 0

const extension: Extension<null> = {
  name: "priority",
  module: import.meta.url,
  settings: settings({}),
  strategies: [
    {
      name: "by-priority",
      about: "lose the records of the least important sources first",
      drops: true,
      decide: (queue) =>
        queue.records < queue.maxRecords && queue.bytes < queue.maxBytes
          ? "fetch"
          : { down: { records: queue.maxRecords / 2, bytes: queue.maxBytes / 2 }, rank: priority }
    }
  ],
  configure: () => ({ value: { settings: null, agreed: {} } }),
  layer: () => Layer.empty
}

export default extension
