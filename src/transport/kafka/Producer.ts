/**
 * Producer over Kafka: each call's records wait in their partitions' backlogs and go from there to the partitions' leaders. A call is answered when its own records
 * are acknowledged or have failed; another partition's trouble, or another broker's, does not delay it (but for acks `all`: a leader answers for all partitions
 * of a request, so one that waits for its replicas holds those beside it). Nothing is tried again here: who called knows whether that is still worth it.
 */
import { Effect } from "effect"
import { type OutgoingRecord, type Producer, partitionKey, type TransportError } from "../Transport.ts"
import type { Links } from "./connection/Links.ts"
import { Delivery } from "./produce/Backlog.ts"
import { Dispatch } from "./produce/Dispatch.ts"
import type { SendOptions } from "./produce/Sender.ts"
import { keepFreed } from "./records/AnswerMemory.ts"
import { topicInfos } from "./Topics.ts"

const byPartition = (records: ReadonlyArray<OutgoingRecord>): ReadonlyArray<ReadonlyArray<OutgoingRecord>> => {
  const parts = new Map<string, Array<OutgoingRecord>>()
  for (const record of records) {
    const part = parts.get(partitionKey(record))
    if (part === undefined) parts.set(partitionKey(record), [record])
    else part.push(record)
  }
  return [...parts.values()]
}

/** `close` ends every call and every timer; the links are their owner's. */
export const makeProducer = (links: Links, options: SendOptions): Producer & { readonly close: () => void } => {
  // Each batch's memory is that of the one before.
  keepFreed()
  const dispatch = new Dispatch(links, options)
  return {
    produce: (records) =>
      Effect.callback<void, TransportError>((resume) => {
        const parts = byPartition(records)
        let open = parts.length
        let worst: TransportError | undefined
        const settle = (error?: TransportError) => {
          if (error !== undefined && (worst === undefined || worst.retriable)) worst = error
          if (--open === 0) resume(worst === undefined ? Effect.void : Effect.fail(worst))
        }
        if (open === 0) resume(Effect.void)
        const deliveries = parts.map((part) => new Delivery(part[0]!, part, settle))
        for (const delivery of deliveries) dispatch.add(delivery)
        return Effect.sync(() => {
          for (const delivery of deliveries) dispatch.withdraw(delivery)
        })
      }),
    metadata: (topics) =>
      Effect.tryPromise({
        try: async () => (topics.length === 0 ? [] : topicInfos(topics, await links.metadata(topics))),
        catch: (error) => error as TransportError
      }),
    clockAhead: () => dispatch.clockAhead,
    close: () => dispatch.close()
  }
}
