/**
 * Fingerprint: how a file's bytes are known again: by a hash of up to a kilobyte of them. A stream keeps two: of the kilobyte before its
 * position, which says whether a file still holds what was read of it, and of its first kilobyte, which says of another file
 * that it may be a copy. The second alone says nothing: files of one service begin alike. Pure.
 */
import { hash } from "node:crypto"

/** Bytes. */
export const kilobyte = 1_024

export const fingerprint = (bytes: Uint8Array): string => hash("sha1", bytes, "base64url")

/** Of no bytes. */
export const noTail = fingerprint(new Uint8Array())

/** Of the first `bytes` bytes. */
export interface Head {
  readonly bytes: number
  readonly hash: string
}

export const noHead: Head = { bytes: 0, hash: "" }

export const headOf = (bytes: Uint8Array): Head => {
  const first = bytes.subarray(0, kilobyte)
  return { bytes: first.length, hash: fingerprint(first) }
}

/** As `beginsWith`, for many heads: of thousands of streams most have a kilobyte, and each length is hashed once. */
export const beginning = (bytes: Uint8Array): ((head: Head) => boolean) => {
  const hashes = new Map<number, string>()
  return (head) => {
    if (head.bytes === 0 || bytes.length < head.bytes) return false
    let own = hashes.get(head.bytes)
    if (own === undefined) {
      own = fingerprint(bytes.subarray(0, head.bytes))
      hashes.set(head.bytes, own)
    }
    return own === head.hash
  }
}

/** Whether the bytes begin so; they are a file's first ones, a kilobyte or all that it has. */
export const beginsWith = (bytes: Uint8Array, head: Head): boolean =>
  head.bytes > 0 && bytes.length >= head.bytes && fingerprint(bytes.subarray(0, head.bytes)) === head.hash
