/** Looks at files that are nowhere, for tests of what looks mean. */
import type { Look } from "../../../src/agent/files/Disk.ts"

const ms = 1_000_000n

/** Written and renamed into place at `at`, ms since the Unix epoch. */
export const lookAt = (at: number, ino = 1, size = 10): Look => ({
  ...{ ino: BigInt(ino), size, dev: 1n, birthNs: 0n, kind: "file" },
  ...{ mtimeNs: BigInt(at) * ms + 1n, ctimeNs: BigInt(at) * ms + 2n }
})

/** Written in place. */
export const writtenAt = (at: number, ino = 1, size = 10): Look => {
  const look = lookAt(at, ino, size)
  return { ...look, ctimeNs: look.mtimeNs }
}
