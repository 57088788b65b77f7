/**
 * A service that logs, and what rotates its files: by rename, by copy and truncation, packed at once or a rotation later. Every line is
 * numbered, so that a judge who sees the log alone can tell what is missing. All calls are synchronous: between a copy and its
 * truncation nothing is written, as a rotation that loses nothing by itself has it.
 */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { basename, join } from "node:path"
import { crc32, gzipSync } from "node:zlib"
import { idOf } from "../../../src/agent/log/Sighting.ts"
import type { Place } from "../../../src/agent/log/Stream.ts"

export type Rotation = "rename" | "copytruncate"

export interface LogWriterOptions {
  readonly path: string
  readonly rotation: Rotation
  /** Rotated files that stay. */
  readonly keep: number
  /** The number from which rotated files are packed; 0: never. Only those of which the agent knows: of others it promises nothing. */
  readonly packFrom: number
  readonly isKnown: (path: string) => boolean
  readonly random: () => number
}

/** What a service writes under a number: the judge knows it, too. */
const lineOf = (name: string, number: number): string => {
  const hash = crc32(`${name} ${number}`)
  return `${name} ${number} ${"payload ".repeat(hash % 12)}${hash.toString(36)}`
}

export class LogWriter {
  readonly path: string
  written = 0
  private readonly options: LogWriterOptions
  private partial = ""

  constructor(options: LogWriterOptions) {
    this.options = options
    this.path = options.path
    writeFileSync(this.path, "")
  }

  get name(): string {
    return basename(this.path, ".log")
  }

  /** So many lines; sometimes the last one only in part, until the next call. */
  write(lines: number): void {
    const { random } = this.options
    let text = this.partial
    this.partial = ""
    for (let i = 0; i < lines; i++) text += `${lineOf(this.name, this.written++)}\n`
    if (random() < 0.3) {
      const at = text.length - Math.floor(random() * 20)
      this.partial = text.slice(at)
      text = text.slice(0, at)
    }
    appendFileSync(this.path, text)
  }

  /** What was written in part is finished: no service rotates within a line. */
  finish(): void {
    appendFileSync(this.path, this.partial)
    this.partial = ""
  }

  rotate(): void {
    const { keep, packFrom, rotation } = this.options
    this.finish()
    const named = (n: number, packed: boolean) => `${this.path}.${n}${packed ? ".gz" : ""}`
    for (const packed of [false, true]) rmSync(named(keep, packed), { force: true })
    for (let n = keep - 1; n >= 1; n--)
      for (const packed of [false, true])
        if (existsSync(named(n, packed))) renameSync(named(n, packed), named(n + 1, packed))
    if (rotation === "rename") {
      renameSync(this.path, named(1, false))
      writeFileSync(this.path, "")
    } else {
      copyFileSync(this.path, named(1, false))
      truncateSync(this.path)
    }
    for (let n = packFrom; n > 0 && n < keep; n++) {
      const [plain, packed] = [named(n, false), named(n, true)]
      if (!existsSync(plain) || !this.options.isKnown(plain)) continue
      writeFileSync(`${packed}.tmp`, gzipSync(readFileSync(plain)))
      renameSync(`${packed}.tmp`, packed)
      rmSync(plain)
    }
  }
}

/** By what an agent's state directory keeps. */
export const knownBy =
  (stateDir: string) =>
  (path: string): boolean => {
    const kept = join(stateDir, "positions.json")
    if (!existsSync(kept)) return false
    const { streams } = JSON.parse(readFileSync(kept, "utf8")) as { streams: ReadonlyArray<Place> }
    const id = idOf({ ...statSync(path, { bigint: true }), birthNs: statSync(path, { bigint: true }).birthtimeNs })
    return streams.some(({ ids, head }) => ids.includes(id) && head.bytes > 0)
  }

/** What is wrong with what a judge found: each writer's lines are to be there once, and in order within each stream. */
export const verdict = (
  writers: ReadonlyArray<LogWriter>,
  streams: ReadonlyMap<string, ReadonlyArray<string>>
): { readonly missing: ReadonlyArray<string>; readonly wrong: ReadonlyArray<string> } => {
  const seen = new Map<string, Map<number, Array<string>>>(writers.map(({ name }) => [name, new Map()]))
  const wrong: Array<string> = []
  for (const [stream, lines] of streams) {
    let last = -1
    for (const line of lines) {
      const match = /^(\S+) (\d+) /.exec(line)
      const of = match === null ? undefined : seen.get(match[1]!)
      if (match === null || of === undefined || line !== lineOf(match[1]!, Number(match[2]))) {
        wrong.push(`a line that nobody wrote in ${stream}: ${line.slice(0, 80)}`)
        continue
      }
      const number = Number(match[2])
      if (number <= last) wrong.push(`${stream} goes back from ${last} to ${number}`)
      last = number
      of.set(number, [...(of.get(number) ?? []), stream])
    }
  }
  const missing: Array<string> = []
  for (const writer of writers) {
    const of = seen.get(writer.name)!
    for (let number = 0; number < writer.written; number++) {
      const streams = of.get(number) ?? []
      if (streams.length === 0) missing.push(`${writer.name} ${number}`)
      else if (streams.length > 1) wrong.push(`${writer.name} ${number} is in ${streams.join(" and ")}`)
    }
  }
  return { missing, wrong }
}
