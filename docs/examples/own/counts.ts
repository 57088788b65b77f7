/**
 * An application of one's own, which is no metrics: it counts the records of each partition and shows the sums on /counts, about a proven cut, and
 * on /total, by a question.
 */
import { Context, Effect, Layer } from "effect"
import { type Batch, PartitionProcessor, ProcessorError, shown } from "kafka2prom/engine"
import { type App, Kind, type Piece, replyJson, ShardService, settings } from "kafka2prom/extension"
import { partitionKey } from "kafka2prom/transport"

class Counts extends Context.Service<Counts, Map<string, number>>()("ours/Counts") {}

const table = settings({
  countFrom: { kind: Kind.integer(0, 1_000), about: "What an empty partition has.", fallback: "0" }
})

/** A sum while the partition is held: the Scope's close takes it away. Every record is read again after a handoff, so `lowest` is 0. */
const processor = (from: number) =>
  Layer.effect(
    PartitionProcessor,
    Effect.map(Counts, (counts) =>
      PartitionProcessor.of({
        name: "counts",
        needs: shown,
        open: ({ tp, plan }) =>
          Effect.gen(function* () {
            const key = partitionKey(tp)
            counts.set(key, from)
            yield* Effect.addFinalizer(() => Effect.sync(() => counts.delete(key)))
            return {
              process: ({ records }: Batch) =>
                records.some(({ key: name }) => name !== null && Buffer.from(name).toString() === "poison")
                  ? Effect.fail(new ProcessorError({ message: "poison" }))
                  : Effect.sync(() => void counts.set(key, (counts.get(key) ?? 0) + records.length)),
              committable: (position: number) => position,
              memo: (committed: number) => `${committed} “committed”`,
              lowest: () => 0,
              status: () => ({ told: Number.parseInt(`0${plan.memo}`, 10) })
            }
          })
      })
    )
  )

/** What is fixed before `open` returns is the content at the cut; nothing of it is told before the proof. */
const answers = Layer.effect(
  ShardService,
  Effect.gen(function* () {
    const counts = yield* Counts
    const run = Effect.runPromiseWith(yield* Effect.context<never>())
    return ShardService.of({
      open: (request, cut) => {
        const found = cut.partitions.map(({ key }) => [key, counts.get(key)] as const)
        async function* talk(): AsyncGenerator<Piece, undefined, undefined> {
          if (request === "broken") throw new Error("a team's mistake")
          if (!(await run(Effect.match(cut.prove, { onSuccess: () => true, onFailure: () => false })))) return
          for (const message of found) yield { message }
        }
        const talking = talk()
        return {
          send: () => {},
          pull: async () => (await talking.next()).value,
          giveBack: () => {},
          isLost: () => false,
          end: () => {}
        }
      },
      ask: () => Effect.sync(() => [...counts.values()].reduce((sum, n) => sum + n, 0)),
      details: (partitions) => partitions.map((tp) => ({ counted: counts.get(partitionKey(tp)) ?? null }))
    })
  })
)

/** A shard's processor and what it answers, over sums of the shard's own. */
export const counting = (from: number) =>
  Layer.merge(processor(from), answers).pipe(Layer.provide(Layer.sync(Counts, () => new Map())))

const app: App<number, typeof table> = {
  name: "counts",
  about: "counts records.",
  module: import.meta.url,
  settings: table,
  configure: ({ values }) =>
    values.countFrom === 666
      ? { problems: ["--count-from is 666: nobody counts from there"] }
      : { value: { settings: values.countFrom, agreed: { from: values.countFrom }, notes: ["counts records"] } },
  load: async () => ({
    divide: (from, count) => (shard) => (shard === 0 ? from : from + count),
    layer: counting,
    surface: (pod) => ({
      routes: [
        {
          method: "GET",
          path: "/counts",
          about: "records by partition",
          handle: ({ request, response }) =>
            Effect.promise(async () => {
              const all: Array<unknown> = []
              const what = request.url?.includes("broken") ? "broken" : "all"
              const channels = pod.shards.map((shard) => shard.open(what, process.hrtime.bigint()))
              for (const channel of channels) {
                for (let piece = await channel.pull(); piece !== undefined; piece = await channel.pull())
                  all.push(piece.message)
                channel.end(undefined)
              }
              replyJson(response, 200, Object.fromEntries(all as Array<[string, number]>))
            })
        },
        {
          method: "GET",
          path: "/total",
          about: "all records",
          handle: ({ response }) =>
            Effect.map(
              Effect.forEach(pod.shards, (shard) => shard.ask("total")),
              (totals) => replyJson(response, 200, totals)
            )
        }
      ],
      status: () => ({ counting: true })
    })
  })
}

export default app
