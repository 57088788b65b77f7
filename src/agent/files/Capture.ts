/**
 * Capture: one file from its change to the bytes of its last dump: held open while it settles, then read, as far back as its last dump may
 * reach, when there is room for so much. It is asked again after each wait; with any other answer it has ended, and is let go.
 * What is read may be older than what is at the path by then, and is whole.
 */
import type { Look } from "./Disk.ts"
import type { RawPath } from "./FileNames.ts"
import { readFrom, whatItHolds } from "./Holdings.ts"
import { OpenFile, type Run } from "./OpenFile.ts"
import type { Reading, Sight } from "./Sight.ts"

export type Captured =
  | { readonly kind: "wait"; readonly ms: number }
  /** Another file is at its path, and this one was not finished. */
  | { readonly kind: "other" }
  | { readonly kind: "no-room" }
  /** `release`: of the room, when the bytes are not needed any more. */
  | { readonly kind: "read"; readonly reading: Reading; readonly release: () => void }

export interface CaptureOptions {
  readonly path: RawPath
  readonly run: Run
  readonly sight: Sight
  /** Room for so many bytes; undefined where there is none now. Given back by calling it. */
  readonly room: (bytes: number) => Promise<(() => void) | undefined>
  /** Ms, monotonic. */
  readonly now: () => number
  readonly settle: number
  readonly maxBytes: number
}

export class Capture {
  private readonly options: CaptureOptions
  private file: OpenFile | undefined

  constructor(options: CaptureOptions) {
    this.options = options
  }

  letGo(): void {
    this.file?.close()
  }

  /** `look`: at its path, now. Rejects where it cannot be read; it is to be let go then. */
  async go(look: Look): Promise<Captured> {
    const { path, run, sight, now, settle } = this.options
    const { file } = this
    if (file === undefined) {
      const opened = await OpenFile.open(path, run, now)
      this.file = opened
      return sight.isWhole(opened.look) ? await this.read(opened) : { kind: "wait", ms: settle }
    }
    const rest = file.since + settle - now()
    if (rest > 0) return { kind: "wait", ms: rest }
    if (await file.stands()) return await this.read(file)
    return look.ino === file.look.ino ? { kind: "wait", ms: settle } : { kind: "other" }
  }

  private async read(file: OpenFile): Promise<Captured> {
    const { maxBytes, now, room, settle, sight } = this.options
    const { look } = file
    const ino = String(look.ino)
    const isOverdue = sight.isOverdue(now())
    let { place } = sight
    for (;;) {
      const offset = readFrom(place, ino, look.size, maxBytes)
      const release = await room(look.size - offset)
      if (release === undefined) return { kind: "no-room" }
      let isKept = false
      try {
        const bytes = await file.read(offset)
        if (bytes === undefined) return { kind: "wait", ms: settle }
        const part = { bytes, offset }
        const found = whatItHolds(part, ino, place, sight.hadEof && !isOverdue, maxBytes)
        if (found.kind !== "rewritten") {
          isKept = true
          return { kind: "read", reading: { part, look, found, isOverdue }, release }
        }
        place = { ...place!, ino: "" }
      } finally {
        if (!isKept) release()
      }
    }
  }
}
