/**
 * DumpFile: one dump file as it is watched: decides from what each look at it shows (inode, size, time of change) whether there
 * is a new round to read. It opens the file only then.
 *
 * A round is taken when the file is not what was taken last, and looks the same twice in a row: so neither a file that is being
 * rewritten in place nor one that is being appended to is read in the middle of it, as long as its writer does not pause for
 * longer than the agent's poll. Renaming a complete file over the old one is safe whatever the writer's pace. An OpenMetrics file
 * that was renamed into place says itself that it is complete and is taken at the first look. What counts is the file, not its
 * text: the same text written again is a new round, the service lives. A file that became shorter is a rewrite like any other.
 */
import { type FileHandle, open, stat } from "node:fs/promises"
import type { InputFormat } from "../../metrics/text/Dump.ts"
import { lastDump } from "./DumpText.ts"

export interface Look {
  readonly ino: bigint
  readonly size: number
  readonly mtimeNs: bigint
}

export type FileState = "settling" | "taken" | "no-room" | "incomplete" | "too-large" | "unreadable" | "gone"

export interface Watched {
  readonly path: string
  /** What the last look showed, and since when (ms, monotonic) it shows that. */
  seen: Look | null
  seenSince: number
  /** The look that was taken, or found incomplete and not to be read again until it changes. */
  done: Look | null
  format: InputFormat | null
  state: FileState
  /** For people: why it is in this state. "" where there is nothing to say. */
  why: string
}

export const watch = (path: string): Watched => ({
  path,
  seen: null,
  seenSince: 0,
  done: null,
  format: null,
  state: "settling",
  why: ""
})

/** What a file that lacks its end is given to be completed, before its owner is told, ms. */
export const patience = 10_000

const same = (a: Look | null, b: Look | null): boolean =>
  a !== null && b !== null && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs

export type Decision = "nothing" | "wait" | "read" | "read-if-complete"

/** Notes what the look shows and decides; touches no file. `now` is monotonic. */
export const decide = (file: Watched, look: Look, now: number): Decision => {
  const stable = same(file.seen, look)
  if (!stable) {
    file.seen = look
    file.seenSince = now
  }
  // A file found without its end is read once more when its writer had all the time it needs, then not until it changes.
  if (same(file.done, look)) return file.state === "settling" && overdue(file, now) ? "read" : "nothing"
  if (stable) return "read"
  const replaced = file.done !== null && file.done.ino !== look.ino
  return replaced && file.format === "openmetrics" ? "read-if-complete" : "wait"
}

const overdue = (file: Watched, now: number): boolean => now - file.seenSince >= patience

export type Examined =
  | { readonly kind: "unchanged" }
  | { readonly kind: "state"; readonly state: FileState; readonly why: string; readonly done: Look | null }
  | {
      readonly kind: "round"
      readonly text: Uint8Array
      readonly format: InputFormat
      /** When the file was written, ms since the Unix epoch. */
      readonly time: number
      readonly done: Look
    }

const waiting = (state: FileState, why = ""): Examined => ({ kind: "state", state, why, done: null })

const lookAt = async (of: () => Promise<{ ino: bigint; size: bigint; mtimeNs: bigint }>): Promise<Look> => {
  const { ino, size, mtimeNs } = await of()
  return { ino, size: Number(size), mtimeNs }
}

const read = async (handle: FileHandle, position: number, length: number): Promise<Buffer> => {
  const buffer = Buffer.allocUnsafeSlow(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

const headBytes = 64 * 1024

export interface ExamineOptions {
  /** Of one dump; of a larger file only the end is read. */
  readonly maxBytes: number
  /** Whether so many bytes may be held now. */
  readonly room: (bytes: number) => boolean
  /** Monotonic, ms. */
  readonly now: number
}

/** One look. Never rejects. What it found holds once `settle` was called with it. */
export const examine = async (file: Watched, { maxBytes, room, now }: ExamineOptions): Promise<Examined> => {
  try {
    const stats = await stat(file.path, { bigint: true })
    // Opening a pipe would wait for its writer.
    if (!stats.isFile()) return waiting("unreadable", "it is not a regular file")
    const look = await lookAt(() => Promise.resolve(stats))
    const decision = decide(file, look, now)
    if (decision === "nothing") return { kind: "unchanged" }
    if (decision === "wait") return waiting("settling")
    const length = Math.min(look.size, maxBytes)
    if (!room(length)) return waiting("no-room", "the rounds that wait for the log fill the buffer")
    const handle = await open(file.path, "r")
    try {
      const opened = await lookAt(() => handle.stat({ bigint: true }))
      if (!same(opened, look)) return waiting("settling")
      const whole = look.size <= maxBytes
      const tail = await read(handle, look.size - length, length)
      const head = whole ? tail : await read(handle, 0, Math.min(headBytes, look.size))
      const after = await lookAt(() => handle.stat({ bigint: true }))
      if (tail.length !== length || !same(after, look)) return waiting("settling")
      const expectEof = file.format === "openmetrics" && !overdue(file, now)
      const found = lastDump({ head, tail, whole, expectEof })
      if (decision === "read-if-complete" && (found.kind !== "dump" || found.format !== "openmetrics"))
        return waiting("settling")
      if (found.kind === "dump") return { ...found, kind: "round", time: Number(look.mtimeNs / 1_000_000n), done: look }
      if (found.kind === "too-large")
        return { kind: "state", state: "too-large", why: `its last dump is larger than ${maxBytes} bytes`, done: look }
      return { kind: "state", state: overdue(file, now) ? "incomplete" : "settling", why: found.why, done: look }
    } finally {
      await handle.close()
    }
  } catch (error) {
    const gone = error instanceof Error && "code" in error && error.code === "ENOENT"
    return waiting(gone ? "gone" : "unreadable", error instanceof Error ? error.message : String(error))
  }
}

/** Keeps what a look found. */
export const settle = (file: Watched, found: Examined): void => {
  if (found.kind === "unchanged") return
  if (found.done !== null) file.done = found.done
  if (found.kind === "round") {
    file.format = found.format
    file.state = "taken"
    file.why = ""
  } else {
    file.state = found.state
    file.why = found.why
  }
}
