/**
 * Hash: of names and labels in their canonical form, so that a series comes to the same however it was sent. The hashes of a set of labels can
 * be added up in any order. Not against someone who looks for collisions: tables are bounded.
 */

/** Murmur3's: a step waits for the one before only at its end, and there is one for four bytes. */
const step = (hash: number, four: number): number => {
  const k = Math.imul(four, 0xcc9e2d51)
  const h = hash ^ Math.imul((k << 15) | (k >>> 17), 0x1b873593)
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

/** The last four bytes are taken whole, whatever of them was taken before. */
const hashOn = (hash: number, b: Uint8Array, start: number, end: number): number => {
  let h = step(hash, end - start)
  if (end - start < 4) {
    for (let i = start; i < end; i++) h = step(h, b[i]!)
    return h
  }
  const last = end - 4
  for (let i = start; i < last; i += 4) h = step(h, fourBytes(b, i))
  return step(h, fourBytes(b, last))
}

const fourBytes = (b: Uint8Array, i: number): number => b[i]! | (b[i + 1]! << 8) | (b[i + 2]! << 16) | (b[i + 3]! << 24)

/** Of a label's name alone, where it goes on with a value. */
export const hashOfName = (b: Uint8Array, start = 0, end = b.length): number => hashOn(1, b, start, end)

/** Of a label, its name's hash given; finished so that the hashes of a set can be added up in any order. */
export const hashOfValue = (nameHash: number, b: Uint8Array, start = 0, end = b.length): number => {
  const h = hashOn(nameHash, b, start, end)
  const half = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  return Math.imul(half ^ (half >>> 13), 0xc2b2ae35)
}

export const hashOf = (name: Uint8Array, value: Uint8Array): number => hashOfValue(hashOfName(name), value)

/** Of a sample's name. */
export const hashOfSample = (b: Uint8Array, start: number, end: number): number => hashOn(0, b, start, end)

/** Where to look for a hash, in its low bits: sums and multiplicative hashes leave theirs poor. */
export const mixed = (hash: number): number => {
  const h = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return h ^ (h >>> 13)
}
