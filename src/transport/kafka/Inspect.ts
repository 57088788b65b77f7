/**
 * Inspect: the cluster as `check` sees it: brokers, topics with their settings, the group. Reads only. A topic that does
 * not exist fails it by name; a group nobody has joined yet is "Dead".
 */
import type { Inspection } from "../Transport.ts"
import { refused } from "./Errors.ts"
import { showAddress } from "./KafkaOptions.ts"
import type { Links } from "./Links.ts"
import { topicInfos } from "./Topics.ts"

const TOPIC = 2
const GROUP_NOT_FOUND = 69

export const inspect = async (links: Links, topics: ReadonlyArray<string>, group: string): Promise<Inspection> => {
  const metadata = await links.metadata(topics)
  const infos = topicInfos(topics, metadata)
  const replicas = (topic: string): number =>
    Math.min(
      ...metadata.topicMetadata.flatMap((found) =>
        found.topic === topic ? found.partitionMetadata.map((partition) => partition.replicas.length) : []
      )
    )
  const settings = new Map<string, Record<string, string>>()
  if (topics.length > 0) {
    const answer = await links.ask("inspect", "DescribeConfigs", {
      resources: topics.map((name) => ({ type: TOPIC, name }))
    })
    for (const { errorCode, resourceName, configEntries } of answer.resources) {
      if (errorCode !== 0)
        throw refused("inspect", errorCode, `the cluster, asked for the settings of ${resourceName},`)
      const known: Record<string, string> = {}
      for (const { configName, configValue } of configEntries) if (configValue !== null) known[configName] = configValue
      settings.set(resourceName, known)
    }
  }
  return {
    brokers: metadata.brokers.map(({ nodeId, host, port }) => ({ node: nodeId, address: showAddress({ host, port }) })),
    topics: infos.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.length,
      replicas: replicas(topic),
      settings: settings.get(topic) ?? {}
    })),
    group: await describeGroup(links, group)
  }
}

const describeGroup = async (links: Links, group: string): Promise<Inspection["group"]> => {
  const coordinator = await links.coordinator(group)
  const { groups } = await links.get("control", coordinator).request("inspect", "DescribeGroups", { groupIds: [group] })
  const described = groups[0]
  if (described === undefined || described.errorCode === GROUP_NOT_FOUND)
    return { state: "Dead", members: 0, protocol: "" }
  if (described.errorCode !== 0)
    throw refused("inspect", described.errorCode, `the coordinator, asked for group ${group},`)
  return { state: described.state, members: described.members.length, protocol: described.protocol }
}
