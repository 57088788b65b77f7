/**
 * Positions: what the state directory keeps of the streams: which files they are and how far the log has them. One file for all, replaced
 * atomically and synced; it names the host and the machine, since inodes mean nothing on another one. What cannot be used is told, and all
 * files are read again under new streams: twice, never lost. Of one that cannot be read at all nobody knows what it says: that is an error.
 */
import { mkdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import { isStream } from "../../Span.ts"
import { writeSynced } from "../StateDir.ts"
import type { Place } from "./Stream.ts"

const file = "positions.json"
const version = 1

/** Which machine it is, as far as it tells; "" where it does not. */
export const machineId = (): Promise<string> =>
  readFile("/etc/machine-id", "utf8").then(
    (text) => text.trim(),
    () => ""
  )

export interface Whose {
  readonly host: string
  readonly machine: string
}

interface Kept extends Whose {
  readonly version: number
  readonly streams: ReadonlyArray<Place>
}

export const encode = ({ host, machine }: Whose, streams: ReadonlyArray<Place>): string => {
  const kept: Kept = { version, host, machine, streams }
  return `${JSON.stringify(kept)}\n`
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const isPlace = (value: unknown): value is Place => {
  if (typeof value !== "object" || value === null) return false
  const { stream, source, path, position, head, tail, ids, isPacked, isTruncated, isOver } = value as Record<
    string,
    unknown
  >
  if (typeof head !== "object" || head === null) return false
  const { bytes, hash } = head as Record<string, unknown>
  return (
    [stream, source, path, tail, hash].every((text) => typeof text === "string") &&
    isStream(stream as string) &&
    isCount(position) &&
    isCount(bytes) &&
    Array.isArray(ids) &&
    ids.length > 0 &&
    ids.every((id) => typeof id === "string") &&
    [isPacked, isTruncated, isOver].every((flag) => typeof flag === "boolean")
  )
}

/** `problem`: for people, "" where there is none. */
export const decode = (
  text: string,
  whose: Whose
): { readonly streams: ReadonlyArray<Place>; readonly problem: string } => {
  const unusable = (problem: string) => ({ streams: [], problem })
  let kept: Partial<Kept>
  try {
    kept = JSON.parse(text) as Partial<Kept>
  } catch {
    return unusable("it is damaged")
  }
  if (kept === null || kept.version !== version || !Array.isArray(kept.streams))
    return unusable("it is of another version")
  if (kept.host !== whose.host)
    return unusable(`it is of the host ${kept.host}, and this is ${whose.host} (see --host)`)
  if (kept.machine !== whose.machine) return unusable("it is of another machine")
  return kept.streams.every(isPlace) ? { streams: kept.streams, problem: "" } : unusable("it is damaged")
}

/** Rejects, with an error for people, where there is one that cannot be read. */
export const readPositions = async (
  dir: string,
  whose: Whose
): Promise<{ readonly streams: ReadonlyArray<Place>; readonly problem: string }> => {
  const path = join(dir, file)
  let text: string
  try {
    text = await readFile(path, "utf8")
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { streams: [], problem: "" }
    throw new Error(
      `cannot read ${path}: ${reason(error)}. It says how far the log files were sent; make it readable, or remove it to send them all again`
    )
  }
  const { streams, problem } = decode(text, whose)
  return {
    streams,
    problem: problem === "" ? "" : `${path} cannot be used (${problem}): log files are sent again from their beginning`
  }
}

/** Rejects, with an error for people; then the file is as it was. */
export const keepPositions = async (dir: string, whose: Whose, streams: ReadonlyArray<Place>): Promise<void> => {
  try {
    await mkdir(dir, { recursive: true })
    await writeSynced(dir, file, encode(whose, streams))
  } catch (error) {
    throw new Error(
      `cannot write ${join(dir, file)}: ${reason(error)}. New log files wait until it can be written; make room, or let this user write to --state-dir`
    )
  }
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error))
