/**
 * DroppedRecords: what is kept of records that backpressure drops in a row, so that the cache can be told in time whose content was skipped,
 * from where on, and what may not be shown after it: of each source the first and the last of them, and the one of the highest round, without
 * values. A row may reach over the fence, and what counts there is whether anything *before* it went; and rounds may come in any order.
 * Bounded by the partition's sources.
 */
import type { LogRecord } from "../../transport/Transport.ts"

/** Whose record it is, as records name their source: by the key, without one by the header. */
const sourceOf = (r: LogRecord): string =>
  r.key === null ? `-${latin1(r.headers["k2p-source"])}` : `+${latin1(r.key)}`

const latin1 = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? "" : Buffer.from(bytes).toString("latin1")

interface Skipped {
  first: LogRecord
  last: LogRecord
  highest: LogRecord
}

const roundForm = /^(\d+)\.(\d+)$/

/** Whether the record is of a higher round, as records number them. */
const isHigher = (a: LogRecord, b: LogRecord): boolean => {
  const mine = roundForm.exec(latin1(a.headers["k2p-round"]))
  const other = roundForm.exec(latin1(b.headers["k2p-round"]))
  if (mine === null || other === null) return mine !== null
  const epochs = Number(mine[1]) - Number(other[1])
  return epochs === 0 ? Number(mine[2]) > Number(other[2]) : epochs > 0
}

/** A copy without the value: a view into the fetched bytes would keep all of them alive, beyond every bound. */
const withoutValue = (r: LogRecord): LogRecord => {
  const headers: Record<string, Uint8Array> = {}
  for (const name in r.headers) headers[name] = Buffer.from(r.headers[name]!)
  return { ...r, key: r.key === null ? null : Buffer.from(r.key), value: null, headers }
}

export class DroppedRecords {
  private readonly skipped = new Map<string, Skipped>()

  /** In any order. */
  add(record: LogRecord): void {
    const source = sourceOf(record)
    const bare = withoutValue(record)
    const before = this.skipped.get(source)
    if (before === undefined) this.skipped.set(source, { first: bare, last: bare, highest: bare })
    else {
      if (bare.offset < before.first.offset) before.first = bare
      if (bare.offset > before.last.offset) before.last = bare
      if (isHigher(bare, before.highest)) before.highest = bare
    }
  }

  /** In the order of offsets, each once. */
  all(): ReadonlyArray<LogRecord> {
    const records = [...this.skipped.values()].flatMap(({ first, last, highest }) => [
      ...new Set([first, last, highest])
    ])
    return records.sort((a, b) => a.offset - b.offset)
  }
}
