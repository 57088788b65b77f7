/**
 * source-priority: an extension with a strategy of back pressure: where more arrives than a pod can process, records of the least important
 * sources are lost first. `kafka2prom serve --extension ./extension.ts --backpressure source-priority --priority 'gold-*=2,silver-*=1'`
 */
import { Effect, Layer } from "effect"
import type { Strategy } from "kafka2prom/engine"
import { type Extension, Kind, settings } from "kafka2prom/extension"

/** Source ids that begin so, and how much their records are worth: the higher, the later they go. */
export interface Rank {
  readonly prefix: string
  readonly worth: number
}

const rankOf = (text: string): Rank | undefined => {
  const match = /^([^*=]+)\*=(\d{1,3})$/.exec(text)
  return match === null ? undefined : { prefix: match[1]!, worth: Number(match[2]) }
}

/** The longest prefix counts; a source that none names is worth 0. */
export const worthOf = (ranks: ReadonlyArray<Rank>, source: string): number => {
  let best: Rank | undefined
  for (const rank of ranks)
    if (source.startsWith(rank.prefix) && rank.prefix.length >= (best?.prefix.length ?? 0)) best = rank
  return best?.worth ?? 0
}

/** Full: down to half, so that it is not asked again for the very next record. The newest record never goes. */
export const sourcePriority = (ranks: () => ReadonlyArray<Rank>): Strategy => ({
  name: "source-priority",
  about: "lose the records of the least important sources first",
  drops: true,
  decide: (queue) =>
    queue.records < queue.maxRecords && queue.bytes < queue.maxBytes
      ? "fetch"
      : {
          down: { records: queue.maxRecords / 2, bytes: queue.maxBytes / 2 },
          // The key of a record of metrics is its source's id; its bytes are lent, the text is a copy.
          rank: ({ key }) => worthOf(ranks(), key === null ? "" : Buffer.from(key).toString())
        }
})

const table = settings({
  priority: {
    kind: Kind.list("prefix*=n", "a beginning of source ids and what they are worth, such as gold-*=2", rankOf),
    about: "Which sources' records are lost last.",
    required: true
  }
})

/** Of this thread: a strategy is brought before the settings are known, and asked only afterwards. */
let ranks: ReadonlyArray<Rank> = []

const extension: Extension<ReadonlyArray<Rank>, typeof table> = {
  name: "source-priority",
  module: import.meta.url,
  settings: table,
  strategies: [sourcePriority(() => ranks)],
  configure: ({ values }) => ({
    // What is dropped is no other value: members need not agree on it.
    value: {
      settings: values.priority,
      agreed: {},
      notes: [`records of ${values.priority.length} kinds of sources go last`]
    }
  }),
  layer: (given) =>
    Layer.effectDiscard(
      Effect.sync(() => {
        ranks = given
      })
    )
}

export default extension
