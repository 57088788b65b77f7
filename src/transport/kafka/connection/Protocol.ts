/**
 * Protocol: the requests this transport sends and what their answers look like once kafkajs has decoded them. Error
 * codes stay numbers here: kafkajs' own check fails a whole answer on its first bad partition, ours looks at each.
 */
import type { ProtocolRequest } from "kafkajs/src/network/connection.js"
import keys from "kafkajs/src/protocol/requests/apiKeys.js"
import protocol, { type Versions } from "kafkajs/src/protocol/requests/index.js"
import { type ProduceArgs, produceBody } from "../produce/ProduceRequest.ts"

interface Partitioned<Field extends string, P> {
  readonly responses: ReadonlyArray<{ readonly partitions: ReadonlyArray<P> } & Readonly<Record<Field, string>>>
}
interface Coded {
  readonly errorCode: number
}
interface Topics<P> {
  readonly topics: ReadonlyArray<{ readonly topic: string; readonly partitions: ReadonlyArray<P> }>
}
interface OfMember {
  readonly groupId: string
  readonly memberId: string
}

export interface MetadataAnswer {
  /** From version 2 on. */
  readonly clusterId?: string | null
  readonly brokers: ReadonlyArray<{ readonly nodeId: number; readonly host: string; readonly port: number }>
  readonly topicMetadata: ReadonlyArray<{
    readonly topicErrorCode: number
    readonly topic: string
    readonly partitionMetadata: ReadonlyArray<{
      readonly partitionErrorCode: number
      readonly partitionId: number
      readonly leader: number
      readonly replicas: ReadonlyArray<number>
    }>
  }>
}

/** Per request: what kafkajs' encoder takes, what its decoder gives. */
export interface Api {
  readonly ApiVersions: [
    Record<string, never>,
    Coded & {
      readonly apiVersions: ReadonlyArray<{
        readonly apiKey: number
        readonly minVersion: number
        readonly maxVersion: number
      }>
    }
  ]
  readonly Metadata: [
    { readonly topics: ReadonlyArray<string>; readonly allowAutoTopicCreation: false },
    MetadataAnswer
  ]
  readonly GroupCoordinator: [
    { readonly groupId: string },
    Coded & { readonly coordinator: { readonly nodeId: number; readonly host: string; readonly port: number } }
  ]
  readonly JoinGroup: [
    OfMember & {
      readonly sessionTimeout: number
      readonly rebalanceTimeout: number
      readonly protocolType: string
      readonly groupProtocols: ReadonlyArray<{ readonly name: string; readonly metadata: Buffer }>
    },
    Coded & {
      readonly generationId: number
      readonly groupProtocol: string | null
      readonly leaderId: string
      readonly memberId: string
      readonly members: ReadonlyArray<{ readonly memberId: string; readonly memberMetadata: Buffer | null }>
    }
  ]
  readonly SyncGroup: [
    OfMember & {
      readonly generationId: number
      readonly groupAssignment: ReadonlyArray<{ readonly memberId: string; readonly memberAssignment: Buffer }>
    },
    Coded & { readonly memberAssignment: Buffer | null }
  ]
  readonly Heartbeat: [OfMember & { readonly groupGenerationId: number }, Coded]
  readonly LeaveGroup: [OfMember, Coded & { readonly members?: ReadonlyArray<Coded> }]
  readonly OffsetCommit: [
    OfMember & { readonly groupGenerationId: number } & Topics<{
        readonly partition: number
        readonly offset: string
        readonly metadata: string
      }>,
    Partitioned<"topic", Coded & { readonly partition: number }>
  ]
  readonly OffsetFetch: [
    { readonly groupId: string } & Topics<{ readonly partition: number }>,
    { readonly errorCode?: number } & Partitioned<
      "topic",
      Coded & { readonly partition: number; readonly offset: string; readonly metadata: string | null }
    >
  ]
  readonly ListOffsets: [
    { readonly isolationLevel: 1 } & Topics<{ readonly partition: number; readonly timestamp: string }>,
    Partitioned<"topic", Coded & { readonly partition: number; readonly offset: string }>
  ]
  readonly Fetch: [
    {
      readonly isolationLevel: 1
      readonly maxWaitTime: number
      readonly minBytes: number
      readonly maxBytes: number
      readonly rackId: ""
    } & Topics<{ readonly partition: number; readonly fetchOffset: string; readonly maxBytes: number }>,
    never
  ]
  readonly Produce: [
    ProduceArgs,
    {
      readonly topics: ReadonlyArray<{
        readonly topicName: string
        /** Ms, in decimal; -1 where the topic carries the senders' stamps. */
        readonly partitions: ReadonlyArray<Coded & { readonly partition: number; readonly logAppendTime?: string }>
      }>
    }
  ]
  readonly DescribeConfigs: [
    {
      readonly resources: ReadonlyArray<{
        readonly type: number
        readonly name: string
        /** All where none is named. */
        readonly configNames?: ReadonlyArray<string>
      }>
    },
    {
      readonly resources: ReadonlyArray<
        Coded & {
          readonly resourceName: string
          readonly configEntries: ReadonlyArray<{ readonly configName: string; readonly configValue: string | null }>
        }
      >
    }
  ]
  readonly DescribeGroups: [
    { readonly groupIds: ReadonlyArray<string> },
    {
      readonly groups: ReadonlyArray<
        Coded & { readonly state: string; readonly protocol: string; readonly members: ReadonlyArray<unknown> }
      >
    }
  ]
}

export type ApiName = keyof Api
export type Args<K extends ApiName> = Api[K][0]
export type Answer<K extends ApiName> = Api[K][1]

/** The oldest ApiVersions of all: every broker answers it. */
export const apiVersionsRequest: ProtocolRequest = {
  ...protocol.requests.ApiVersions!.protocol({ version: 0 })({}),
  logResponseError: false
}

export const versionsOf = (answer: Answer<"ApiVersions">): Versions => {
  const versions: Versions = {}
  for (const { apiKey, minVersion, maxVersion } of answer.apiVersions) versions[apiKey] = { minVersion, maxVersion }
  return versions
}

export const supports = (versions: Versions, api: "SaslAuthenticate"): boolean => versions[keys[api]!] !== undefined

/** One whose `body` we make is not encoded by kafkajs. */
export interface Question extends ProtocolRequest {
  readonly body?: () => Promise<Buffer>
}

/** Older brokers know no headers, and would lose them. */
const leastProduce = 3

/** The request in the highest version that both sides know. Throws where the broker does not know the request at all. */
export const encode = <K extends ApiName>(versions: Versions, api: K, args: Args<K>): Question => {
  const found = protocol.lookup(versions)(keys[api]!, protocol.requests[api]!)(args)
  if (api !== "Produce") return found
  if (found.request.apiVersion < leastProduce)
    throw new Error("the broker is older than Kafka 0.11, and takes no headers")
  return { ...found, body: () => produceBody(args as ProduceArgs) }
}
