/**
 * DemoLogs: the demo's logs: an agent tails the services' log files into a topic of their own, and an archive pod writes them to a folder. At the end the
 * archive is read as `archive verify` reads it, and must have as many rows as the services wrote lines.
 */
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect } from "effect"
import { makeLogAgent } from "../agent/log/LogAgent.ts"
import { defaultLogOptions } from "../agent/log/LogOptions.ts"
import archiveApp from "../archive/ArchiveApp.ts"
import { archiveParts } from "../archive/ArchiveParts.ts"
import { defaultArchiveLimits } from "../archive/ArchiveProcessor.ts"
import { openStore } from "../archive/store/OpenStore.ts"
import { tell } from "../archive/verify/Report.ts"
import { verify } from "../archive/verify/Verify.ts"
import { EmbeddedLog } from "../transport/embedded/EmbeddedLog.ts"
import { demoPod, get, startPod, stopPod } from "./DemoPod.ts"
import type { Archived } from "./Report.ts"

const topic = "logs"
const partitions = 2
/** Ms: much less than anybody would choose, so that objects can be seen to appear. */
const rollAge = 3_000
/** Ms between two looks whether all is archived, and how many there are at most. */
const lookEvery = 200
const looks = 100

/** `dir`: of the services' files. */
const linesWritten = async (dir: string): Promise<number> => {
  let sum = 0
  for (const name of await readdir(dir))
    if (name.endsWith(".prom"))
      sum += Number(/^demo_log_lines_total (\d+)/m.exec(await readFile(join(dir, name), "utf8"))?.[1] ?? 0)
  return sum
}

/** For the Scope's life. */
export const startLogs = (dir: string, port: number) =>
  Effect.gen(function* () {
    const log = yield* EmbeddedLog
    yield* log.createTopic(topic, partitions)
    const folder = join(dir, "archive")
    const place = { kind: "file", path: folder } as const
    const pod = demoPod("archive")
    yield* Effect.addFinalizer(() => stopPod(pod))
    yield* startPod(
      pod,
      {
        app: archiveApp,
        parts: archiveParts,
        settings: { ...defaultArchiveLimits, rollAge, place },
        engine: { topics: [topic], group: "kafka2prom-archive" }
      },
      port
    )
    // An agent that finds nothing says so: it starts when there is something to find.
    yield* Effect.promise(() => readdir(dir)).pipe(
      Effect.delay(lookEvery),
      Effect.repeat({ until: (names) => names.some((name) => name.endsWith(".log")) })
    )
    const agent = yield* makeLogAgent({
      ...defaultLogOptions,
      topic,
      partitionBase: partitions,
      globs: [join(dir, "*.log*")],
      host: "demo",
      stateDir: join(dir, "state", "logs"),
      globEvery: 500
    })

    const look = Effect.gen(function* () {
      const store = yield* openStore({ place })
      const { reports, others } = yield* verify(store)
      const lines = yield* Effect.promise(() => linesWritten(dir))
      const { text, broken } = tell(store.place, reports, others)
      return { lines, rows: reports.reduce((sum, { rows }) => sum + rows, 0), broken, report: text }
    })
    return {
      folder: join(folder, topic),
      pod,
      failed: agent.failed,
      /** Rows in objects, up to now. */
      rows: Effect.map(get(pod, "/self/metrics"), (text) =>
        [...text.matchAll(/^k2p_archive_rows_total\{.*\} (\d+)/gm)].reduce((sum, [, rows]) => sum + Number(rows), 0)
      ),
      /** When the services have ended. */
      finish: look.pipe(
        Effect.delay(lookEvery),
        Effect.repeat({ until: ({ lines, rows }: Archived) => rows >= lines, times: looks }),
        Effect.andThen(stopPod(pod)),
        Effect.andThen(look)
      )
    }
  })
