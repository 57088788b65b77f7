/**
 * Topics: what a metadata answer says of the topics asked for. Pure. A partition without a leader is listed, with -1;
 * a topic that is not there, not allowed or just being made fails the whole question and is named.
 */
import type { TopicInfo } from "../Transport.ts"
import { failed, refused } from "./connection/Errors.ts"
import type { MetadataAnswer } from "./connection/Protocol.ts"

export const topicInfos = (topics: ReadonlyArray<string>, answer: MetadataAnswer): ReadonlyArray<TopicInfo> => {
  const found = new Map(answer.topicMetadata.map((topic) => [topic.topic, topic]))
  return topics.map((topic) => {
    const metadata = found.get(topic)
    if (metadata === undefined) throw failed("metadata", "UNKNOWN_TOPIC_OR_PARTITION", `topic ${topic} is not known`)
    if (metadata.topicErrorCode !== 0)
      throw refused("metadata", metadata.topicErrorCode, `the cluster, asked for topic ${topic},`)
    return {
      topic,
      partitions: metadata.partitionMetadata
        .map(({ partitionId, leader }) => ({ partition: partitionId, leader }))
        .sort((a, b) => a.partition - b.partition)
    }
  })
}
