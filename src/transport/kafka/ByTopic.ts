/** ByTopic: Kafka's requests name partitions under their topics. Pure. */
import type { TopicPartition } from "../Transport.ts"

/** By topic, in the order of first appearance. */
export const byTopic = <P extends { readonly tp: TopicPartition }, T>(
  items: ReadonlyArray<P>,
  to: (item: P) => T
): ReadonlyArray<{ readonly topic: string; readonly partitions: ReadonlyArray<T> }> => {
  const topics = new Map<string, Array<T>>()
  for (const item of items) {
    const partitions = topics.get(item.tp.topic)
    if (partitions === undefined) topics.set(item.tp.topic, [to(item)])
    else partitions.push(to(item))
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }))
}
