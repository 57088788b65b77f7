/** Unreadables: the rules of the transport contract about batches that nobody can read. */
import { Effect } from "effect"
import { partitionKey, type Unreadable, unreadableReasons } from "../../../transport/Transport.ts"
import { must } from "../Must.ts"
import { Harness, type Rule, type TransportHarness } from "./Harness.ts"
import { at, fetch, neighbours, produce, record, text } from "./Traffic.ts"

export const unreadableRules = (rule: Rule, { spoilLastBatch }: TransportHarness): void => {
  for (const reason of spoilLastBatch === undefined ? [] : unreadableReasons)
    rule(`a batch that nobody can read is stepped over, by every reader and from any offset: ${reason}`, () =>
      Effect.gen(function* () {
        const { client, one, two } = yield* neighbours
        yield* produce([record(one, "0"), record(one, "1"), record(two, "here")])
        // As old formats have it, an entry is a record.
        const lost = reason === "format" ? 1 : 3
        yield* produce(Array.from({ length: lost }, (_, i) => record(one, `lost ${i}`)))
        yield* spoilLastBatch!(one, reason)
        const end = 2 + lost + 1
        yield* produce([record(one, "after")])
        for (const reader of [client, yield* Harness.client()])
          for (const from of [0, 2, lost + 1]) {
            const read: Array<string> = []
            const unreadable: Array<Unreadable> = []
            for (let position = from, patience = 50; position < end; ) {
              const answer = yield* fetch(reader, [at(one, position), at(two, 0)])
              const mine = answer.find((f) => partitionKey(f.tp) === partitionKey(one))!
              const other = answer.find((f) => partitionKey(f.tp) === partitionKey(two))
              if (other !== undefined && other.error === undefined) must.equal(text(other.records[0]?.value), "here")
              // What cannot be believed at first sight is asked for again.
              if (mine.error === "LOCAL" && patience-- > 0) continue
              must.equal(mine.error, undefined)
              for (const r of mine.records) read.push(text(r.value)!)
              unreadable.push(...(mine.unreadable ?? []))
              position = mine.next
            }
            must.equal(
              read.filter((value) => !value.startsWith("lost")),
              [...(from === 0 ? ["0", "1"] : []), "after"]
            )
            must.hold(unreadable.length >= 1, "a stretch that nobody can read", unreadable)
            for (const stretch of unreadable) {
              must.equal(stretch.reason, reason)
              must.hold(
                stretch.from >= Math.max(from, 2) && stretch.from < stretch.next && stretch.next <= end,
                `a stretch within [${Math.max(from, 2)}, ${end})`,
                stretch
              )
            }
          }
      })
    )
}
