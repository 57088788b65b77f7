/**
 * store: the smallest application that makes records durable and keeps all promises: it writes seven at a time to a store whose create is
 * conditional, and starts over from the store's end where it was refused or not answered. It is broken on purpose by a flag each.
 */
import { Effect, Layer } from "effect"
import { durable, PartitionProcessor, ProcessorError } from "../../src/engine/PartitionProcessor.ts"
import type { DurableSubject, Stored } from "../../src/testing/DurableSubject.ts"
import { outside } from "../../src/testing/pods/Outside.ts"
import { type LogRecord, partitionKey } from "../../src/transport/Transport.ts"

export type StoreMistake =
  | "commits before it writes"
  | "forgets the rest when it is drained"
  | "writes whoever may have written"
  | "asks for no proof"

interface Piece {
  readonly to: number
  readonly records: ReadonlyArray<Stored>
}

const many = 7

const storedOf = ({ key, value }: LogRecord): ReadonlyArray<Stored> => {
  const n = Number(value === null ? "" : Buffer.from(value).toString())
  return key === null || !(n > 0) ? [] : [{ source: Buffer.from(key).toString(), n }]
}

/** Neither asks for a proof nor is refused: where one of the two holds, the other one is not missed. */
const careless: StoreMistake = "writes whoever may have written"

export const storeSubject = (mistake?: StoreMistake): Effect.Effect<DurableSubject> =>
  Effect.sync(() => {
    /** By partition: each piece begins where the one before it ends. */
    const pieces = new Map<string, Array<Piece>>()
    return {
      app: Layer.succeed(PartitionProcessor, {
        name: "store",
        needs: durable,
        open: ({ tp, plan, prove, startOver }) =>
          Effect.gen(function* () {
            const key = partitionKey(tp)
            const chain = pieces.get(key) ?? []
            pieces.set(key, chain)
            const end = () => chain.at(-1)?.to ?? 0
            const create = (from: number, piece: Piece) => (): boolean => {
              if (end() > from && mistake !== careless) return false
              chain.push(piece)
              return true
            }
            /** Everything before it is known to be durable. */
            let known = Math.max(plan.start, yield* Effect.orDie(Effect.eventually(outside.read(end))))
            let next = plan.start
            let waiting: Array<LogRecord> = []
            const write = Effect.gen(function* () {
              if (next <= known) return
              if (mistake !== "asks for no proof" && mistake !== careless)
                yield* Effect.mapError(prove, () => new ProcessorError({ message: "not owned" }))
              const to = next
              const piece = { to, records: waiting.flatMap(storedOf) }
              const created = yield* Effect.orElseSucceed(outside.write(create(known, piece)), () => undefined)
              if (created !== true) return startOver(created === false ? `${key} has another writer` : "no answer")
              known = to
              waiting = waiting.filter((r) => r.offset >= to)
            })
            return {
              from: known,
              process: (batch) =>
                Effect.suspend(() => {
                  waiting.push(...batch.records.filter(({ offset }) => offset >= known))
                  next = Math.max(next, batch.next)
                  return waiting.length < many ? Effect.void : write
                }),
              ...(mistake === "forgets the rest when it is drained" ? {} : { drain: write }),
              committable: (position) =>
                mistake === "commits before it writes" ? position : Math.min(position, known),
              lowest: (position) => position,
              status: () => ({ known, waiting: waiting.length })
            }
          })
      }),
      says: (_, n) => ({ value: Buffer.from(`${n}`) }),
      stored: Effect.sync(() => [...pieces.values()].flatMap((chain) => chain.flatMap(({ records }) => records))),
      once: true,
      ordered: true,
      proves: mistake !== careless
    }
  })
