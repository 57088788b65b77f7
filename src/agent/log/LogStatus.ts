/** LogStatus: what an agent says of the log files: each with where it is, and what was lost. Bounded: those that are behind most are named, all are counted. */
import type { LogCounts } from "./LogCounts.ts"
import type { Outage } from "./Outage.ts"
import type { Stream } from "./Stream.ts"
import type { Tailer } from "./Tailer.ts"

export interface LogFileStatus {
  readonly path: string
  readonly source: string
  readonly stream: string
  /**
   * `sent`: to its end. `behind`: not yet. `waiting`: for what its source had before. `lost`: it is not where it was, and looked for.
   */
  readonly state: "sent" | "behind" | "waiting" | "lost"
  readonly position: number
  readonly size: number
  readonly behind: number
  readonly linesCut: number
  readonly why: string
}

export interface LogStatus {
  readonly topic: string
  /** null until the log was reached for the first time. */
  readonly partitionBase: number | null
  /** Those that are behind most first; bounded. */
  readonly files: ReadonlyArray<LogFileStatus>
  readonly fileCount: number
  readonly openFiles: number
  readonly behindBytes: number
  /** Packed files in which nothing is that was known; they are not read. */
  readonly packedFiles: number
  readonly sent: { readonly bytes: number; readonly records: number; readonly linesCut: number }
  readonly errors: Readonly<Record<string, number>>
  /** Files that were gone before they were read to their ends; the last of them by name. */
  readonly unread: {
    readonly files: number
    readonly bytes: number
    readonly last: ReadonlyArray<{ readonly path: string; readonly bytes: number; readonly at: number }>
  }
  /** Mounts that do not answer. */
  readonly hanging: ReadonlyArray<string>
  /** Partitions that do not take lines, and why. */
  readonly refusing: Readonly<Record<string, string>>
}

/** Files that are named. */
const named = 1_000

export interface StatusParts {
  readonly topic: string
  readonly base: number | null
  readonly tailer: Tailer
  readonly counts: LogCounts
  readonly outage: Outage
}

export const statusOf = ({ topic, base, tailer, counts, outage }: StatusParts): LogStatus => {
  const open = [...tailer.book].filter(({ isOver }) => !isOver).sort((a, b) => b.behind - a.behind)
  const now = performance.now()
  return {
    topic,
    partitionBase: base,
    files: open.slice(0, named).map((stream) => fileOf(stream, tailer, now)),
    fileCount: tailer.fileCount,
    openFiles: tailer.openCount,
    behindBytes: open.reduce((sum, { behind }) => sum + behind, 0),
    packedFiles: tailer.packedCount,
    sent: { bytes: counts.bytes, records: counts.records, linesCut: counts.linesCut },
    errors: Object.fromEntries(counts.errors),
    unread: { files: tailer.vanished.files, bytes: tailer.vanished.bytes, last: tailer.vanished.last },
    hanging: [...tailer.hanging],
    refusing: Object.fromEntries(outage.partitions)
  }
}

const fileOf = (stream: Stream, tailer: Tailer, now: number): LogFileStatus => {
  const { lastPath: path, source, stream: id, position, size, behind, linesCut, why } = stream
  const state =
    stream.fate !== "there" ? "lost" : behind === 0 ? "sent" : tailer.book.mayBegin(stream, now) ? "behind" : "waiting"
  return { path, source, stream: id, state, position, size, behind, linesCut, why }
}
