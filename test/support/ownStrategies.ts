/**
 * ownStrategies: two strategies such as a team would bring, as examples, and to show that they can be had. The engine reads no key; what a key
 * means is for them to say.
 */
import type { Drop, Queued, RecordHead, Strategy } from "../../src/engine/Backpressure.ts"

const full = (q: Queued): boolean => q.records >= q.maxRecords || q.bytes >= q.maxBytes

/** Down to half, so that there is room for what comes. */
const half = (q: Queued): Drop["down"] => ({ records: q.maxRecords / 2, bytes: q.maxBytes / 2 })

const keyOf = ({ key }: RecordHead): string => (key === null ? "" : Buffer.from(key).toString())

/** Of a queue that is full the records of the least important sources go first. */
export const byPriority = (priority: (source: string) => number): Strategy => ({
  name: "by-priority",
  about: "lose the records of the least important sources first",
  drops: true,
  decide: (q) => (full(q) ? { down: half(q), rank: (head) => priority(keyOf(head)) } : "fetch")
})

/** Of a queue that is full those go first of whose source something newer waits: what would be replaced at once. */
export const supersededFirst: Strategy = {
  name: "superseded-first",
  about: "lose the rounds that a newer one of the same source replaces anyway",
  drops: true,
  decide: (q) => {
    if (!full(q)) return "fetch"
    const newest = new Map([...q.waiting()].map((head) => [keyOf(head), head.offset]))
    return { down: half(q), rank: (head) => (newest.get(keyOf(head)) === head.offset ? 1 : 0) }
  }
}
