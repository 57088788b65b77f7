import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Layer } from "effect"
import { durable, PartitionProcessor } from "kafka2prom/engine"
import { type DurableSubject, durableContract, outside, type Stored, simulate } from "kafka2prom/testing"
import type { LogRecord } from "kafka2prom/transport"

/** A table that all pods share, with a key of partition and offset: a row that is inserted again changes nothing. */
const rows: Effect.Effect<DurableSubject> = Effect.sync(() => {
  const table = new Map<string, Stored>()
  const insert = (partition: number, records: ReadonlyArray<LogRecord>) =>
    outside.write(() => {
      for (const { offset, key, value } of records) {
        const n = Number(Buffer.from(value ?? []).toString())
        if (key !== null && n > 0) table.set(`${partition} ${offset}`, { source: Buffer.from(key).toString(), n })
      }
    })
  return {
    app: Layer.succeed(PartitionProcessor, {
      name: "rows",
      needs: durable,
      open: ({ tp, plan }) =>
        Effect.sync(() => {
          let inserted = plan.start
          return {
            process: ({ records, next }) =>
              // Without an answer it may be there or not: inserted again it is there once.
              Effect.map(Effect.eventually(insert(tp.partition, records)), () => {
                inserted = next
              }),
            committable: (position) => Math.min(position, inserted),
            lowest: (position) => position,
            status: () => ({ inserted })
          }
        })
    }),
    says: (_, n) => ({ value: Buffer.from(`${n}`) }),
    stored: Effect.sync(() => [...table.values()]),
    once: true,
    ordered: true
  }
})

for (const { name, run } of durableContract(rows)) test(name, () => Effect.runPromise(run))

test("each record is a row, once and in order, whatever dies, stands still or is cut off", () => {
  const { broken } = simulate({ durable: rows, seeds: { from: 1, count: 20 } })
  assert.ok(broken === undefined, broken?.message)
})
