/**
 * Hash: of names and labels in their canonical form, so that a series comes to the same however it was sent. The hashes of a set of labels can
 * be added up in any order. Not against someone who looks for collisions: tables are bounded.
 */

const PRIME = 0x9e3779b1 | 0

/** A step waits for the one before, so there is one for four bytes. The last four are taken whole, whatever of them was taken before. */
const hashOn = (hash: number, b: Uint8Array, start: number, end: number): number => {
  let h = Math.imul(hash ^ (end - start), PRIME)
  if (end - start < 4) {
    for (let i = start; i < end; i++) h = Math.imul(((h << 5) | (h >>> 27)) ^ b[i]!, PRIME)
    return h
  }
  const last = end - 4
  for (let i = start; i < last; i += 4) h = Math.imul(((h << 5) | (h >>> 27)) ^ fourBytes(b, i), PRIME)
  return Math.imul(((h << 5) | (h >>> 27)) ^ fourBytes(b, last), PRIME)
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
