/**
 * Envelope: whether a member's metadata is what Kafka calls a subscription (topics, then user data). Pure.
 *
 * Brokers read the metadata of groups of the type "consumer" to know their topics, which is what lag exporters and the
 * brokers' tools go by. Bytes of another form make brokers 3.9 and 4.1 leave a join unanswered for ever. So a group whose
 * metadata is no subscription is of a type of its own, which brokers do not look into.
 */
export const protocolType = (metadatas: ReadonlyArray<Uint8Array>): "consumer" | "kafka2prom" =>
  metadatas.every(isSubscription) ? "consumer" : "kafka2prom"

/** Version 0 to its last byte: int16 version, array of strings, nullable bytes. */
export const isSubscription = (metadata: Uint8Array): boolean => {
  const view = new DataView(metadata.buffer, metadata.byteOffset, metadata.byteLength)
  if (view.byteLength < 10 || view.getInt16(0) !== 0) return false
  const topics = view.getInt32(2)
  let at = 6
  for (let i = 0; i < topics; i++) {
    if (at + 2 > view.byteLength) return false
    const length = view.getInt16(at)
    if (length < 0) return false
    at += 2 + length
  }
  if (topics < 0 || at + 4 > view.byteLength) return false
  const userData = view.getInt32(at)
  return userData >= -1 && at + 4 + Math.max(0, userData) === view.byteLength
}
