/**
 * The OpenTelemetry collector as the peer that tails log files: filelog receiver, kafka exporter, positions in its file storage. With the
 * settings with which it loses nothing: it tries again, and its queue blocks; with stock settings it drops most of what is there at its start.
 */
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Running, Stage } from "../../support/processes.ts"
import { collectorBinary } from "./collectorBinary.ts"

/** JSON is YAML. */
const settings = (brokers: ReadonlyArray<string>, topic: string, files: string, dir: string) => ({
  extensions: { file_storage: { directory: dir } },
  receivers: {
    filelog: {
      // Not "nop", which makes of a file's bytes one record.
      ...{ include: [files], start_at: "beginning", storage: "file_storage" },
      retry_on_failure: { enabled: true }
    }
  },
  exporters: {
    kafka: {
      brokers,
      logs: { topic, encoding: "raw" },
      producer: { compression: "zstd", compression_params: { level: 1 }, required_acks: -1 },
      sending_queue: { enabled: true, block_on_overflow: true }
    }
  },
  service: {
    extensions: ["file_storage"],
    telemetry: { metrics: { level: "none" }, logs: { level: "warn" } },
    pipelines: { logs: { receivers: ["filelog"], exporters: ["kafka"] } }
  }
})

/** Sends each line as a record of its own. */
export const startCollector = async (
  stage: Stage,
  brokers: ReadonlyArray<string>,
  topic: string,
  files: string
): Promise<Running> => {
  const name = `collector-${topic}`
  const state = join(stage.dir, `${name}-state`)
  await mkdir(state)
  const file = join(stage.dir, `${name}.yaml`)
  await writeFile(file, JSON.stringify(settings(brokers, topic, files, state)))
  return stage.run(name, await collectorBinary(), ["--config", file])
}
