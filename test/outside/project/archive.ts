/**
 * An application that keeps records instead of showing them: of each partition a chain of files, each of the records of the offsets from its name
 * to its `to`, which is the next one's name. A file is made whole and only where none of its name exists (a link), so of two owners that both
 * believe in their ownership, one loses, reads how far the winner's file reaches, and goes on from there: every record is in one file.
 */
import { randomUUID } from "node:crypto"
import { link, mkdir, open, readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { Effect, Layer } from "effect"
import {
  type App,
  type Batch,
  durable,
  Kind,
  type LogRecord,
  PartitionProcessor,
  ProcessorError,
  ShardService,
  settings
} from "kafka2prom"

const table = settings({
  archiveTo: { kind: Kind.text("folder"), about: "Where the files go.", required: true },
  archiveRecords: { kind: Kind.integer(1, 1_000_000), about: "Records that a file has at least.", fallback: "200" },
  archiveSlow: {
    kind: Kind.duration("0s", "10s"),
    about: "How long a file takes besides, as in a far store.",
    fallback: "0s"
  }
})

interface Settings {
  readonly to: string
  readonly records: number
  /** Ms. */
  readonly slow: number
}

const isCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code

class Chain {
  private readonly folder: string
  private readonly slow: number
  /** Where the last file ends, whoever made it. */
  end: number
  files = 0
  /** Files that another owner had made already. */
  lost = 0

  constructor(folder: string, slow: number, start: number) {
    this.folder = folder
    this.slow = slow
    this.end = start
  }

  /** Past all files that are there. */
  async follow(): Promise<void> {
    await mkdir(this.folder, { recursive: true })
    for (let to = await this.endOf(this.end); to !== undefined; to = await this.endOf(to)) this.end = to
  }

  /** Keeps what no file has yet of the records that end before `next`. */
  async keep(records: ReadonlyArray<LogRecord>, next: number): Promise<void> {
    for (;;) {
      const rest = records.filter(({ offset }) => offset >= this.end)
      if (rest.length === 0) return
      const lines = rest.map(({ offset, value }) => `${offset} ${Buffer.from(value ?? []).toString()}\n`)
      if (await this.create(this.end, `${next}\n${lines.join("")}`)) {
        this.end = next
        this.files += 1
        return
      }
      this.lost += 1
      process.stderr.write(`${this.name(this.end)} is another owner's\n`)
      this.end = (await this.endOf(this.end)) ?? this.end
    }
  }

  private name(from: number): string {
    return join(this.folder, String(from).padStart(20, "0"))
  }

  private async endOf(from: number): Promise<number | undefined> {
    try {
      return Number((await readFile(this.name(from), "utf8")).split("\n", 1)[0])
    } catch (error) {
      if (isCode(error, "ENOENT")) return undefined
      throw error
    }
  }

  private async create(from: number, text: string): Promise<boolean> {
    const part = join(this.folder, `part-${randomUUID()}`)
    const file = await open(part, "wx")
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await delay(this.slow)
    try {
      await link(part, this.name(from))
      return true
    } catch (error) {
      if (isCode(error, "EEXIST")) return false
      throw error
    } finally {
      await rm(part)
    }
  }
}

/** What is done is done whole, also where its partition is lost meanwhile. */
const working = (work: () => Promise<void>): Effect.Effect<void, ProcessorError> =>
  Effect.uninterruptible(
    Effect.tryPromise({ try: work, catch: (cause) => new ProcessorError({ message: "the archive's folder", cause }) })
  )

const processor = ({ to, records: atLeast, slow }: Settings) =>
  Layer.succeed(PartitionProcessor, {
    name: "archive",
    needs: durable,
    open: ({ tp, plan }) =>
      Effect.gen(function* () {
        const chain = new Chain(join(to, tp.topic, String(tp.partition)), slow, plan.start)
        yield* working(() => chain.follow())
        let waiting: Array<LogRecord> = []
        /** What was processed, and the end of a file that lies before it. */
        let [position, safe] = [plan.start, plan.start]
        const keep = async (): Promise<void> => {
          await chain.keep(waiting, position)
          waiting = []
        }
        const moved = (): void => {
          if (chain.end <= position) safe = chain.end
        }
        return {
          process: ({ records, next }: Batch) =>
            working(async () => {
              waiting.push(...records)
              position = next
              if (waiting.length >= atLeast) await keep()
              moved()
            }),
          drain: working(async () => {
            await keep()
            moved()
          }),
          committable: () => safe,
          lowest: () => safe,
          status: () => ({ files: chain.files, lost: chain.lost, waiting: waiting.length })
        }
      })
  })

const nothing = Layer.succeed(ShardService, {
  open: () => {
    throw new Error("an archive shows nothing")
  },
  ask: () => Effect.void,
  details: (partitions) => partitions.map(() => ({}))
})

const app: App<Settings, typeof table> = {
  name: "archive",
  about: "keeps records in files.",
  module: import.meta.url,
  settings: table,
  configure: ({ values }) => ({
    value: {
      settings: { to: values.archiveTo, records: values.archiveRecords, slow: values.archiveSlow },
      agreed: { to: values.archiveTo }
    }
  }),
  load: async () => ({
    layer: (given) => Layer.merge(processor(given), nothing),
    surface: () => ({ routes: [], status: () => ({}) })
  })
}

export default app
