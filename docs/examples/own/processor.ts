/**
 * A processor of one's own: each partition's records become lines of a file, and C follows what is on the disk. Nothing of it is shown, so
 * there is no fence: it is handed every record from the log's start on.
 */
import { open } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { durable, type Opening, PartitionProcessor, type Processing, ProcessorError } from "kafka2prom/engine"
import type { LogRecord } from "kafka2prom/transport"

const failed = (message: string) => (cause: unknown) => new ProcessorError({ message, cause })

const line = ({ offset, key, value }: LogRecord): string =>
  `${JSON.stringify({ offset, key: key && Buffer.from(key).toString(), value: value && Buffer.from(value).toString() })}\n`

const opened = (folder: string) =>
  Effect.fnUntraced(function* ({ tp, plan, prove }: Opening) {
    const path = join(folder, `${tp.topic}-${tp.partition}.ndjson`)
    const file = yield* Effect.acquireRelease(
      Effect.tryPromise({ try: () => open(path, "a"), catch: failed(`${path} cannot be opened`) }),
      // The Scope's close is the eviction: when it has returned, nothing is written any more.
      (handle) => Effect.promise(() => handle.close())
    )
    let onDisk = plan.committed
    const processing: Processing = {
      // What is kept of a record is text: its bytes may be the next fetch's when this has ended.
      borrows: true,
      process: ({ records, next }) =>
        Effect.gen(function* () {
          // Right before a side effect that two owners must not have.
          yield* Effect.mapError(prove, failed("not the owner any more"))
          yield* Effect.tryPromise({
            try: async () => {
              await file.write(records.map(line).join(""))
              await file.datasync()
            },
            catch: failed(`${path} cannot be written`)
          })
          onDisk = next
        }),
      committable: () => onDisk,
      lowest: () => onDisk,
      status: () => ({ onDisk })
    }
    return processing
  })

export const layer = (folder: string): Layer.Layer<PartitionProcessor> =>
  Layer.succeed(PartitionProcessor, { name: "lines", needs: durable, open: opened(folder) })
