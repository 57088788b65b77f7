/**
 * latest: the smallest application that shows something and keeps all promises: of each key the last number. What is broken on purpose
 * is broken by a flag each, so that a test can say which promise the kit found broken.
 */
import { Context, Effect, Layer } from "effect"
import { PartitionProcessor, shown } from "../../src/engine/PartitionProcessor.ts"
import type { Subject } from "../../src/testing/Subject.ts"
import { type LogRecord, partitionKey } from "../../src/transport/Transport.ts"

interface Entry {
  readonly n: number
  readonly offset: number
}

/** By partition key and source. */
export class Latest extends Context.Service<Latest, Map<string, Map<string, Entry>>>()("test/testing/Latest") {}

export type Mistake =
  | "keeps what was dropped"
  | "shows what is only to be remembered"
  | "stays when it is evicted"
  | "names its own position as L"
  | "shows the first"
  | "fails on what it cannot read"
  | "keeps views of lent bytes"

const numberIn = (value: Uint8Array | null): number | undefined => {
  const text = value === null ? "" : Buffer.from(value).toString()
  return /^\d+$/.test(text) ? Number(text) : undefined
}

export const latestSubject = (mistake?: Mistake): Subject<Latest> => ({
  app: Layer.effect(
    PartitionProcessor,
    Effect.map(Latest, (latest) =>
      PartitionProcessor.of({
        name: "latest",
        needs: shown,
        open: ({ tp, time }) =>
          Effect.gen(function* () {
            const key = partitionKey(tp)
            const entries = new Map<string, Entry>()
            const kept = new Map<string, Uint8Array>()
            latest.set(key, entries)
            yield* Effect.addFinalizer(() =>
              Effect.sync(() => {
                if (mistake !== "stays when it is evicted") latest.delete(key)
              })
            )
            const take = (record: LogRecord) => {
              if (record.key === null) return
              const source = Buffer.from(record.key).toString()
              const n = numberIn(record.value)
              if (n === undefined) {
                if (mistake === "fails on what it cannot read") throw new Error(`no number from ${source}`)
                return
              }
              if (mistake === "shows the first" && entries.has(source)) return
              if (record.offset < time.shownFrom() && mistake !== "shows what is only to be remembered") return
              entries.set(source, { n, offset: record.offset })
              if (mistake === "keeps views of lent bytes") kept.set(source, record.value!)
            }
            const read = () => {
              for (const [source, value] of kept)
                entries.set(source, { ...entries.get(source)!, n: numberIn(value) ?? 0 })
            }
            return {
              borrows: true,
              process: ({ records }) =>
                Effect.sync(() => {
                  read()
                  for (const record of records) take(record)
                }),
              gap: () => {
                const gone = new Set<string>()
                let last = 0
                return {
                  add: ({ key: source, offset }) => {
                    if (source !== null) gone.add(Buffer.from(source).toString())
                    last = Math.max(last, offset)
                  },
                  pass: (_, fence) =>
                    Effect.sync(() => {
                      if (last >= fence || mistake === "keeps what was dropped") return
                      for (const source of gone) entries.delete(source)
                    })
                }
              },
              committable: (position) => position,
              lowest: (position) =>
                mistake === "names its own position as L"
                  ? position
                  : Math.min(position, ...[...entries.values()].map(({ offset }) => offset)),
              status: () => ({ sources: entries.size })
            }
          })
      })
    )
  ).pipe(Layer.provideMerge(Layer.sync(Latest, () => new Map()))),
  says: (_, n) => ({ value: Buffer.from(`${n}`) }),
  shown: (services, keys) => {
    const all = keys.flatMap((key) => [...(Context.get(services, Latest).get(key) ?? [])])
    return new Map(all.map(([source, { n }]) => [source, n]))
  }
})
