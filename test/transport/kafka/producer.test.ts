/** How a call's records become requests. Pure; what brokers make of them is the contract's and the faults' test. */
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { outboxes, pack } from "../../../src/transport/kafka/Producer.ts"
import type { OutgoingRecord } from "../../../src/transport/Transport.ts"

const record = (partition: number, size: number, tag: number): OutgoingRecord => ({
  topic: "t",
  partition,
  key: Buffer.from([tag]),
  value: Buffer.alloc(size),
  headers: {}
})

describe("pack", () => {
  it("sends every record once, in order within its partition, in requests under the bound or of one record", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 1_500 })), { maxLength: 60 }), (specs) => {
        const records = specs.map(([partition, size], i) => record(partition, size, i))
        const boxes = outboxes(records)
        const sent: Array<OutgoingRecord> = []
        for (;;) {
          const parcels = pack([...boxes.values()], 1_000)
          if (parcels.length === 0) break
          const together = parcels.flatMap((parcel) => parcel.records)
          const bytes = together.reduce((n, { key, value }) => n + key!.length + value!.length, 0)
          assert.isTrue(together.length === 1 || bytes <= 1_000, `${together.length} records of ${bytes} bytes`)
          sent.push(...together)
          for (const { outbox, records } of parcels) outbox.records = outbox.records.slice(records.length)
        }
        for (let partition = 0; partition < 4; partition++)
          assert.deepStrictEqual(
            sent.filter((r) => r.partition === partition),
            records.filter((r) => r.partition === partition)
          )
      })
    )
  })
})
