/**
 * Inspect: the cluster as `check` sees it: brokers, topics with their settings, the group. Reads only. A topic that does
 * not exist fails it by name; a group nobody has joined yet is "Dead".
 */
import { type InspectedGroup, type Inspection, TransportError } from "../Transport.ts"
import { refused } from "./connection/Errors.ts"
import { showAddress } from "./connection/KafkaOptions.ts"
import type { Link } from "./connection/Link.ts"
import type { Links } from "./connection/Links.ts"
import type { MetadataAnswer } from "./connection/Protocol.ts"
import { mayWrite } from "./Rights.ts"
import { topicInfos } from "./Topics.ts"

const TOPIC = 2
const BROKER = 4
const GROUP_NOT_FOUND = 69
const NOT_ALLOWED = 29

export const inspect = async (
  links: Links,
  topics: ReadonlyArray<string>,
  group: string | null
): Promise<Inspection> => {
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
      if (errorCode === NOT_ALLOWED && group === null) continue
      if (errorCode !== 0)
        throw refused("inspect", errorCode, `the cluster, asked for the settings of ${resourceName},`)
      const known: Record<string, string> = {}
      for (const { configName, configValue } of configEntries) if (configValue !== null) known[configName] = configValue
      settings.set(resourceName, known)
    }
  }
  const rights = await rightsOf(links, topics, metadata)
  return {
    brokers: metadata.brokers.map(({ nodeId, host, port }) => ({ node: nodeId, address: showAddress({ host, port }) })),
    topics: infos.map(({ topic, partitions }) => {
      const found = {
        topic,
        partitions: partitions.length,
        replicas: replicas(topic),
        settings: settings.get(topic) ?? {}
      }
      const allowed = rights.get(topic)
      return allowed === undefined ? found : { ...found, mayWrite: allowed }
    }),
    group: group === null ? null : await describeGroup(links, group, metadata)
  }
}

/** Any broker knows; one that fails at it leaves it untold. */
const rightsOf = async (
  links: Links,
  topics: ReadonlyArray<string>,
  { brokers }: MetadataAnswer
): Promise<ReadonlyMap<string, boolean>> => {
  const [broker] = brokers
  if (broker === undefined || topics.length === 0) return new Map()
  return mayWrite(links.get("control", broker), topics).catch((error: unknown) => {
    if (error instanceof TransportError) return new Map()
    throw error
  })
}

const describeGroup = async (links: Links, group: string, metadata: MetadataAnswer): Promise<InspectedGroup> => {
  const coordinator = await links.coordinator(group)
  const link = links.get("control", coordinator)
  const { groups } = await link.request("inspect", "DescribeGroups", { groupIds: [group] })
  const at = showAddress(coordinator)
  const node = metadata.brokers.find((broker) => showAddress(broker) === at)?.nodeId
  const sessionTimeouts = node === undefined ? null : await sessionTimeoutsOf(link, node)
  const described = groups[0]
  if (described === undefined || described.errorCode === GROUP_NOT_FOUND)
    return { state: "Dead", members: 0, protocol: "", sessionTimeouts }
  if (described.errorCode !== 0)
    throw refused("inspect", described.errorCode, `the coordinator, asked for group ${group},`)
  const { members, protocol, state } = described
  return { state, members: members.length, protocol, sessionTimeouts }
}

const least = "group.min.session.timeout.ms"
const most = "group.max.session.timeout.ms"

/** A broker tells its own settings only, and to some users none: then it is not known, and nothing else is less known for it. */
const sessionTimeoutsOf = async (link: Link, node: number): Promise<InspectedGroup["sessionTimeouts"]> => {
  const resources = [{ type: BROKER, name: String(node), configNames: [least, most] }]
  const answer = await link.request("inspect", "DescribeConfigs", { resources }).catch((error: unknown) => {
    if (error instanceof TransportError && !error.unknownOutcome) return null
    throw error
  })
  const entries = answer?.resources[0]?.configEntries ?? []
  const told = new Map(entries.map(({ configName, configValue }) => [configName, Number(configValue)]))
  const [min, max] = [told.get(least), told.get(most)]
  return min === undefined || max === undefined || !(min > 0 && max > 0) ? null : { least: min, most: max }
}
