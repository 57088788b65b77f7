/**
 * Crc32c: the checksum of record batches (Castagnoli's polynomial), which Node's zlib does not have. Pure.
 */
import { crc32c as wasm } from "@platformatic/wasm-utils"

export const crc32c = (bytes: Buffer): number => wasm(bytes)
