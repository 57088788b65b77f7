/** Vanished: log files that were gone before they were read to their ends: how many, how many bytes, and the last of them by name. Plain state. */

export interface VanishedFile {
  readonly path: string
  readonly bytes: number
  /** Ms since the Unix epoch. */
  readonly at: number
}

const named = 20

export class Vanished {
  files = 0
  bytes = 0
  readonly last: Array<VanishedFile> = []

  /** Answers what a person is told. */
  note(path: string, bytes: number): string {
    this.files++
    this.bytes += bytes
    this.last.push({ path, bytes, at: Date.now() })
    if (this.last.length > named) this.last.shift()
    return (
      `${path} is gone, and ${bytes} bytes of it were not read: it was removed or truncated before they could be. ` +
      "Keep rotated files for longer (delaycompress, rotate), or see why the log is behind"
    )
  }
}
