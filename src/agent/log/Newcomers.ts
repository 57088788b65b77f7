/**
 * Newcomers: files that are no stream's yet, from their first sight until it is known what they are: a file of its own, the copy of another
 * one, or a packed one that is read or passed over. One that may turn out to be a copy is held back for a while, open, so that nothing of
 * it is lost meanwhile.
 */
import { dirname } from "node:path"
import { codeOf, messageOf } from "../files/Disk.ts"
import type { RawPath } from "../files/FileNames.ts"
import type { Run } from "../files/OpenFile.ts"
import { type Head, headOf, noHead } from "./Fingerprint.ts"
import { firstOf, type Kindred } from "./Kindred.ts"
import { type LogFile, openLog } from "./LogFile.ts"
import type { Seen } from "./Sighting.ts"
import { Stream } from "./Stream.ts"

/** Ms for which a file that may become a copy is held back: without, and with a change within the last second. */
const heldFor = 5_000
const heldWhileGrowing = 60_000
const again = 500
/** Files that are opened and decided upon at once. */
const atOnce = 64
/** Packed files that are remembered as nobody's. */
const maxPassed = 10_000

export interface Newcomer {
  path: string
  raw: RawPath
  readonly id: string
  readonly since: number
  size: number
  changedAt: number
  file: LogFile | undefined
  isBusy: boolean
  askAt: number
}

export interface NewcomersOptions {
  readonly kindred: Kindred
  readonly now: () => number
  readonly runAt: (path: string) => Run
  readonly isKnown: (id: string) => boolean
  readonly look: (path: string) => void
  /** It is a file of its own; `isThere`: at its path. */
  readonly begin: (newcomer: Newcomer, head: Head, isThere: boolean) => void
  readonly goesOn: (stream: Stream, file: LogFile, path: string, size: number) => void
  /** It is gone, and nothing of it was read. */
  readonly vanished: (path: string, bytes: number) => void
  readonly trouble: (key: string, text: string) => void
}

export class Newcomers {
  private readonly options: NewcomersOptions
  private readonly files = new Map<string, Newcomer>()
  /** Those that were not come to since all that are due were to be asked. */
  private waiting: Iterator<Newcomer> = this.files.values()
  private busy = 0
  /** Packed files that are none's, by what they are: how long they were. */
  private readonly passed = new Map<string, number>()

  constructor(options: NewcomersOptions) {
    this.options = options
  }

  get openCount(): number {
    return this.files.size
  }

  get passedCount(): number {
    return this.passed.size
  }

  isPassed({ id, size }: Seen): boolean {
    return this.passed.get(id) === size
  }

  pass({ id, size }: Pick<Seen, "id" | "size">): void {
    if (this.passed.size >= maxPassed) this.passed.clear()
    this.passed.set(id, size)
  }

  found(path: string, raw: RawPath, seen: Seen): void {
    const { id, size } = seen
    const now = this.options.now()
    const known = this.files.get(id)
    if (known === undefined) {
      if (this.isPassed(seen)) return
      const state = { file: undefined, isBusy: false, askAt: 0 }
      this.files.set(id, { path, raw, id, since: now, size, changedAt: now, ...state })
      return
    }
    known.path = path
    known.raw = raw
    if (known.size === size) return
    known.size = size
    known.changedAt = now
    known.askAt = 0
  }

  /** What was seen there is another file, or none. */
  left(path: string, seen: Seen | undefined): void {
    for (const newcomer of this.files.values()) {
      if (newcomer.path !== path || newcomer.id === seen?.id || newcomer.isBusy) continue
      const { file, size } = newcomer
      this.files.delete(newcomer.id)
      if (file !== undefined && !file.isPacked) this.options.begin(newcomer, noHead, false)
      else {
        file?.close()
        if (file === undefined) this.options.vanished(path, size)
      }
    }
  }

  /** Some stream has another fate than before: what was passed over may be its. */
  askAll(): void {
    this.passed.clear()
    for (const newcomer of this.files.values()) newcomer.askAt = 0
  }

  /** Asks those that are due. */
  ask(): void {
    this.waiting = this.files.values()
    this.next()
  }

  /** A file of the path's directory was not asked yet. */
  isAsking(path: string): boolean {
    for (const newcomer of this.files.values())
      if ((newcomer.isBusy || newcomer.askAt === 0) && dirname(newcomer.path) === dirname(path)) return true
    return false
  }

  close(): void {
    for (const { file } of this.files.values()) file?.close()
  }

  private next(): void {
    const now = this.options.now()
    while (this.busy < atOnce) {
      const { done, value: newcomer } = this.waiting.next()
      if (done === true) return
      if (!newcomer.isBusy && now >= newcomer.askAt) void this.decide(newcomer)
    }
  }

  private async decide(newcomer: Newcomer): Promise<void> {
    const { now, runAt, look, kindred, isKnown, begin, goesOn, trouble } = this.options
    newcomer.isBusy = true
    this.busy++
    newcomer.askAt = now() + again
    const { path, raw, id } = newcomer
    try {
      const file = newcomer.file ?? (await openLog(raw, runAt(path)))
      newcomer.file = file
      trouble(`open ${path}`, "")
      if (file.id !== id) {
        this.drop(newcomer)
        look(path)
        return
      }
      const first = await firstOf(file)
      const { size } = newcomer
      const kin = await kindred.of(file, first, size)
      if (isKnown(id)) this.drop(newcomer)
      else if (kin instanceof Stream) {
        this.files.delete(id)
        goesOn(kin, file, newcomer.path, size)
      } else if (kin === "wait" && this.mayWait(newcomer)) return
      else if (file.isPacked) {
        this.pass(newcomer)
        this.drop(newcomer)
      } else {
        this.files.delete(id)
        begin(newcomer, headOf(first), true)
      }
    } catch (error) {
      // It may be gone, or packed in part: looks tell.
      this.drop(newcomer)
      if (codeOf(error) !== "ENOENT")
        trouble(`open ${path}`, `${path} cannot be read: ${messageOf(error)}; it is tried again`)
    } finally {
      newcomer.isBusy = false
      this.busy--
      this.next()
    }
  }

  private mayWait({ since, changedAt, file }: Newcomer): boolean {
    const now = this.options.now()
    return file?.isPacked === true || now - since < (now - changedAt < 1_000 ? heldWhileGrowing : heldFor)
  }

  private drop(newcomer: Newcomer): void {
    newcomer.file?.close()
    newcomer.file = undefined
    this.files.delete(newcomer.id)
  }
}
