/**
 * Segment: a broker's file of a partition's newest records, and its last batch changed where it lies. A broker checks what is produced,
 * not what it reads: so gets a batch that nobody can read into a log, as a disk or a bug of another version would.
 */
import { open, readdir } from "node:fs/promises"
import { join } from "node:path"
import type { TopicPartition, UnreadableReason } from "../../src/transport/Transport.ts"
import { seal } from "./batches.ts"

/** `data`: the node's folder. The batch keeps its length. */
export const changeLastBatch = async (
  data: string,
  { partition, topic }: TopicPartition,
  change: (batch: Buffer) => void
): Promise<void> => {
  const folder = join(data, `${topic}-${partition}`)
  const name = (await readdir(folder))
    .filter((file) => file.endsWith(".log"))
    .sort()
    .at(-1)!
  const file = await open(join(folder, name), "r+")
  try {
    const bytes = await file.readFile()
    let at = 0
    while (at + 12 + bytes.readInt32BE(at + 8) < bytes.length) at += 12 + bytes.readInt32BE(at + 8)
    const batch = bytes.subarray(at)
    change(batch)
    await file.write(batch, 0, batch.length, at)
  } finally {
    await file.close()
  }
}

/** Makes a batch unreadable for that reason, and its checksum right where that is not it. */
export const spoilBatch: Readonly<Record<UnreadableReason, (batch: Buffer) => void>> = {
  checksum: (batch) => {
    batch[batch.length - 1]! ^= 1
  },
  codec: (batch) => {
    batch.writeInt16BE((batch.readInt16BE(21) & ~7) | 6, 21)
    seal(batch)
  },
  format: (batch) => {
    batch[16] = 1
    batch.writeUInt32BE(1, 17)
  },
  "cut-off": (batch) => {
    // Small records, not compressed: their lengths are one byte each. The last one claims a byte more than there is.
    let at = 61
    while (at + 1 + (batch[at]! >>> 1) < batch.length) at += 1 + (batch[at]! >>> 1)
    batch[at]! += 2
    seal(batch)
  },
  malformed: (batch) => {
    batch.fill(0xff, 61)
    seal(batch)
  }
}
