/**
 * Leaders: who leads which partition, as the brokers told it last, and why nobody does. A topic that is not there, or not allowed, is
 * its own partitions' trouble.
 */
import { partitionKey, type TopicPartition, type TransportError } from "../../Transport.ts"
import { failed } from "../connection/Errors.ts"
import type { Links } from "../connection/Links.ts"
import { topicInfos } from "../Topics.ts"

export class Leaders {
  readonly #links: Links
  readonly #nodes = new Map<string, number>()

  constructor(links: Links) {
    this.#links = links
  }

  of(tp: TopicPartition): number | undefined {
    return this.#nodes.get(partitionKey(tp))
  }

  forget(tp: TopicPartition): void {
    this.#nodes.delete(partitionKey(tp))
  }

  /** Asks for these partitions' leaders. Answers why some have none now, by partition key. Never rejects. */
  async learn(tps: ReadonlyArray<TopicPartition>): Promise<ReadonlyMap<string, TransportError>> {
    const topics = [...new Set(tps.map(({ topic }) => topic))]
    const unled = new Map<string, TransportError>()
    const asked = await this.#links.metadata(topics).catch((error: TransportError) => error)
    for (const topic of topics) {
      const of = tps.filter((tp) => tp.topic === topic)
      const why = (error: TransportError) => {
        for (const tp of of) if (this.of(tp) === undefined) unled.set(partitionKey(tp), error)
      }
      if (asked instanceof Error) {
        why(asked)
        continue
      }
      try {
        const without: Array<TopicPartition> = []
        for (const { leader, partition } of topicInfos([topic], asked)[0]!.partitions)
          if (leader >= 0) this.#nodes.set(partitionKey({ topic, partition }), leader)
          else without.push({ topic, partition })
        const list = without.map(({ partition }) => partition).join(", ")
        const detail = list === "" ? "" : `; of topic ${topic} the brokers know no leader of partitions ${list}`
        for (const tp of of)
          if (this.of(tp) === undefined)
            unled.set(
              partitionKey(tp),
              failed(
                "produce",
                "NOT_LEADER",
                `${partitionKey(tp)} has no leader now, or does not exist${detail}`,
                true,
                {
                  partitions: without
                }
              )
            )
      } catch (error) {
        why(error as TransportError)
      }
    }
    return unled
  }
}
