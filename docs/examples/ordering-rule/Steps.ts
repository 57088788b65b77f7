/**
 * Steps: an application that shows of each order the step that it is at, by the order's key. It keeps what every processor that shows
 * something must keep; each line that is there for that says why.
 */
import { Context, Effect, Layer } from "effect"
import { type Batch, type Gap, PartitionProcessor, shown } from "kafka2prom/engine"
import type { Subject } from "kafka2prom/testing"
import { type LogRecord, partitionKey } from "kafka2prom/transport"

interface Step {
  readonly n: number
  readonly offset: number
}

/** By partition key and order: what a scrape may show. */
export class Steps extends Context.Service<Steps, Map<string, Map<string, Step>>>()("ours/Steps") {}

const orderOf = ({ key }: Pick<LogRecord, "key">): string | undefined =>
  key === null ? undefined : Buffer.from(key).toString()

/** Anybody may write anything to a topic: what is no step is refused, and is no failure. */
const stepIn = ({ value }: LogRecord): number | undefined => {
  const text = value === null ? "" : Buffer.from(value).toString()
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

const processor = Effect.map(Steps, (all) =>
  PartitionProcessor.of({
    name: "steps",
    needs: shown,
    open: ({ tp, time }) =>
      Effect.gen(function* () {
        const key = partitionKey(tp)
        const steps = new Map<string, Step>()
        all.set(key, steps)
        // The eviction: when this has run nothing of the partition is seen.
        yield* Effect.addFinalizer(() => Effect.sync(() => all.delete(key)))
        const gap = (): Gap => {
          const dropped = new Map<string, number>()
          return {
            add: (record) => {
              const order = orderOf(record)
              if (order !== undefined) dropped.set(order, record.offset)
            },
            // Below the fence another owner may have shown what is dropped here: nothing older of the order may be.
            pass: (_next, fence) =>
              Effect.sync(() => {
                for (const [order, offset] of dropped) if (offset < fence) steps.delete(order)
              })
          }
        }
        return {
          // Nothing of a record is kept but the number that was read of it.
          borrows: true,
          process: ({ records }: Batch) =>
            Effect.sync(() => {
              for (const record of records) {
                const order = orderOf(record)
                const n = stepIn(record)
                // From before `shownFrom` nothing may be shown.
                if (order !== undefined && n !== undefined && record.offset >= time.shownFrom())
                  steps.set(order, { n, offset: record.offset })
              }
            }),
          gap,
          committable: (position) => position,
          // The oldest record that is shown: from there on a new owner must read, or it would miss quiet orders.
          lowest: (position) => Math.min(position, ...[...steps.values()].map(({ offset }) => offset)),
          status: () => ({ orders: steps.size })
        }
      })
  })
)

/** As the kit tries it. */
export const steps: Subject<Steps> = {
  app: Layer.effect(PartitionProcessor, processor).pipe(Layer.provideMerge(Layer.sync(Steps, () => new Map()))),
  says: (_order, n) => ({ value: Buffer.from(`${n}`) }),
  shown: (services, keys) =>
    new Map(
      keys.flatMap((key) =>
        [...(Context.get(services, Steps).get(key) ?? [])].map(([order, { n }]) => [order, n] as const)
      )
    )
}
