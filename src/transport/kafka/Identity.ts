/**
 * Identity: which cluster and which topic a name stands for now. A topic's id is in the metadata from version 10 on (KIP-516), which
 * kafkajs does not know; brokers that do not speak it (Kafka before 2.8, Event Hubs) tell the cluster's at most.
 */
import type { ProtocolRequest } from "kafkajs/src/network/connection.js"
import Decoder from "kafkajs/src/protocol/decoder.js"
import Encoder from "kafkajs/src/protocol/encoder.js"
import type { LogIdentity } from "../Transport.ts"
import { refused } from "./connection/Errors.ts"
import type { Links } from "./connection/Links.ts"
import { topicInfos } from "./Topics.ts"

const METADATA = 3
const VERSION = 10
const NO_ID = Buffer.alloc(16)

export const identify = async (links: Links, topic: string): Promise<LogIdentity> => {
  const metadata = await links.metadata([topic])
  topicInfos([topic], metadata)
  const cluster = metadata.clusterId ?? null
  const [broker] = metadata.brokers
  if (broker === undefined) return { cluster, topicId: null }
  const answer = await links.get("control", broker).exchange("identify", (versions) => {
    const isTold = (versions[METADATA]?.maxVersion ?? 0) >= VERSION
    return isTold ? request(topic) : unknown
  })
  if (answer === undefined) return { cluster, topicId: null }
  const { errorCode, id } = answer as Described
  if (errorCode !== 0) throw refused("identify", errorCode, `the cluster, asked for topic ${topic},`)
  return { cluster, topicId: id.equals(NO_ID) ? null : id.toString("hex") }
}

interface Described {
  readonly errorCode: number
  readonly id: Buffer
}

/** What every broker answers, for one that tells no id. */
const unknown: ProtocolRequest = {
  request: {
    ...{ apiKey: METADATA, apiVersion: 1, apiName: "Metadata" },
    encode: async () => new Encoder().writeArray([])
  },
  response: { decode: async () => undefined, parse: (decoded) => decoded }
}

const request = (topic: string): ProtocolRequest => ({
  request: {
    ...{ apiKey: METADATA, apiVersion: VERSION, apiName: "Metadata" },
    // The first byte ends the header, which has tags in these versions: none.
    encode: async () =>
      new Encoder()
        .writeUVarInt(0)
        .writeUVarInt(2)
        .writeBuffer(NO_ID)
        .writeUVarIntString(topic)
        .writeUVarInt(0)
        // Create topics: no; rights of the cluster, of the topic: no.
        .writeBoolean(false)
        .writeBoolean(false)
        .writeBoolean(false)
        .writeUVarInt(0)
  },
  response: {
    decode: async (payload) => decode(new Decoder(payload)),
    parse: (decoded) => decoded
  }
})

/** Up to the one topic's id: what follows is not looked at. */
const decode = (d: Decoder): Described => {
  d.readTaggedFields()
  // How long it was throttled.
  d.readInt32()
  d.readUVarIntArray(() => {
    d.readInt32()
    d.readUVarIntString()
    d.readInt32()
    d.readUVarIntString()
    d.readTaggedFields()
  })
  // The cluster's id, its controller, one topic.
  d.readUVarIntString()
  d.readInt32()
  d.readUVarInt()
  const errorCode = d.readInt16()
  d.readUVarIntString()
  return { errorCode, id: Buffer.from(d.readBytes(16) ?? NO_ID) }
}
