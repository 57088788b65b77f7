/**
 * Hash: of names and labels, such that the parser, which meets them byte by byte, and whoever has a canonical line come to the same. The
 * hashes of a set of labels can be added up in any order. Not against someone who looks for collisions: tables are bounded.
 */

/** FNV-1a over `name`, then over the value; finished so that the hashes of a set can be added up in any order. */
export const HASH_START = 0x811c9dc5 | 0
export const HASH_PRIME = 0x01000193
/** Stands between name and value: no byte of UTF-8. */
export const HASH_SEPARATOR = 0xff

export const finishHash = (h: number): number => {
  const half = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  return Math.imul(half ^ (half >>> 13), 0xc2b2ae35) | 0
}

/** Over more bytes. */
export const hashOn = (hash: number, b: Uint8Array, start: number, end: number): number => {
  let h = hash
  for (let i = start; i < end; i++) h = Math.imul(h ^ b[i]!, HASH_PRIME)
  return h
}

/** Of a label's name alone, where it goes on with a value. */
export const hashOfName = (name: Uint8Array): number => hashOn(HASH_START, name, 0, name.length)

/** Of a label, its name's hash given. */
export const hashOfValue = (nameHash: number, value: Uint8Array): number =>
  finishHash(hashOn(Math.imul(nameHash ^ HASH_SEPARATOR, HASH_PRIME), value, 0, value.length))

export const hashOf = (name: Uint8Array, value: Uint8Array): number => hashOfValue(hashOfName(name), value)

/** Of a sample's name. */
export const hashOfSample = (b: Uint8Array, start: number, end: number): number => hashOn(0, b, start, end)

/** Where to look for a hash, in its low bits: sums and multiplicative hashes leave theirs poor. */
export const mixed = (hash: number): number => {
  const h = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return h ^ (h >>> 13)
}
