/**
 * Rights: whether this user may write to topics, as the brokers answer it: asked, not tried, so that nothing is written. It is in the
 * metadata from version 8 on (KIP-430), which kafkajs does not know; brokers that do not tell it (Event Hubs) are taken at that.
 */
import type { ProtocolRequest } from "kafkajs/src/network/connection.js"
import Decoder from "kafkajs/src/protocol/decoder.js"
import Encoder from "kafkajs/src/protocol/encoder.js"
import type { Link } from "./connection/Link.ts"

const METADATA = 3
const VERSION = 8
/** Of the operations, each a bit by its number. */
const WRITE = 1 << 4
const NOT_TOLD = -(2 ** 31)

/** By topic; those of which it is not told are absent. */
export const mayWrite = async (link: Link, topics: ReadonlyArray<string>): Promise<ReadonlyMap<string, boolean>> => {
  let isTold = true
  const answer = await link.exchange("inspect", (versions) => {
    isTold = (versions[METADATA]?.maxVersion ?? 0) >= VERSION
    return request(topics, isTold ? VERSION : 1)
  })
  return isTold ? (answer as ReadonlyMap<string, boolean>) : new Map()
}

const request = (topics: ReadonlyArray<string>, version: number): ProtocolRequest => ({
  request: {
    ...{ apiKey: METADATA, apiVersion: version, apiName: "Metadata" },
    encode: async () => {
      const names = new Encoder().writeArray([...topics])
      // Create topics: no; rights of the cluster: no; of the topics: yes.
      return version < VERSION ? names : names.writeBoolean(false).writeBoolean(false).writeBoolean(true)
    }
  },
  response: {
    decode: async (payload) => (version < VERSION ? undefined : decode(new Decoder(payload))),
    parse: (decoded) => decoded
  }
})

const decode = (d: Decoder): ReadonlyMap<string, boolean> => {
  const told = new Map<string, boolean>()
  // How long it was throttled.
  d.readInt32()
  d.readArray(() => {
    d.readInt32()
    d.readString()
    d.readInt32()
    d.readString()
  })
  // The cluster's id and its controller.
  d.readString()
  d.readInt32()
  d.readArray(() => {
    const errorCode = d.readInt16()
    const name = d.readString() ?? ""
    d.readBoolean()
    d.readArray(() => {
      d.readInt16()
      // Partition, leader, its epoch.
      for (let n = 0; n < 3; n++) d.readInt32()
      // Replicas, those in sync, those offline.
      for (let n = 0; n < 3; n++) d.readArray(() => d.readInt32())
    })
    const operations = d.readInt32()
    if (errorCode === 0 && operations !== NOT_TOLD) told.set(name, (operations & WRITE) !== 0)
  })
  return told
}
