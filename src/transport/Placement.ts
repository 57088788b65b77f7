/**
 * Placement: which partition a producer's partitioner puts a key into, by the partitioner's name. Pure.
 *
 * | name    | who places keys so                                                                                    |
 * |---------|-------------------------------------------------------------------------------------------------------|
 * | murmur2 | Kafka's Java producer, franz-go and kafkajs by default; librdkafka's `murmur2` and `murmur2_random`    |
 * | crc32   | librdkafka's `consistent` and `consistent_random`, its default: kcat, and most clients built on it     |
 *
 * Records without a key are placed by none of them.
 */

const seed = 0x9747b28c
const m = 0x5bd1e995
const r = 24

/** 32-bit murmur2, as Kafka's clients compute it. Signed. */
export const murmur2 = (data: Uint8Array): number => {
  let h = seed ^ data.length
  const words = data.length >> 2
  for (let i = 0; i < words; i++) {
    const at = i << 2
    let k = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24)
    k = Math.imul(k, m)
    k ^= k >>> r
    k = Math.imul(k, m)
    h = Math.imul(h, m) ^ k
  }
  const rest = words << 2
  const left = data.length & 3
  if (left === 3) h ^= data[rest + 2]! << 16
  if (left >= 2) h ^= data[rest + 1]! << 8
  if (left >= 1) {
    h ^= data[rest]!
    h = Math.imul(h, m)
  }
  h ^= h >>> 13
  h = Math.imul(h, m)
  return (h ^ (h >>> 15)) | 0
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let c = byte
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1
  return c
})

/** The CRC-32 of zlib and librdkafka (not CRC-32C, by which Kafka checks its batches). */
export const crc32 = (data: Uint8Array): number => {
  let c = 0xffff_ffff
  for (let i = 0; i < data.length; i++) c = crcTable[(c ^ data[i]!) & 0xff]! ^ (c >>> 8)
  return (c ^ 0xffff_ffff) >>> 0
}

/** The placements that are known, each the default of some producers. @stable */
export const placements = ["murmur2", "crc32"] as const
/** How producers choose a partition by a key. @stable */
export type Placement = (typeof placements)[number]

/** What a partition is the remainder of. */
export const placing: Readonly<Record<Placement, (key: Uint8Array) => number>> = {
  murmur2: (key) => murmur2(key) & 0x7fffffff,
  crc32
}
