/** Watched: one path that is looked at: when it is due, and whether something was heard of it since. */
import type { Directory, DirectoryFile } from "../files/Directory.ts"
import type { RawPath } from "../files/FileNames.ts"
import type { Candidate } from "../files/Walk.ts"

export class Watched implements DirectoryFile {
  readonly path: string
  readonly raw: RawPath
  readonly directory: Directory
  readonly name: string
  readonly isLink: boolean
  group: string
  dueAt = 0
  lookedAt = -1
  heardOf = 0
  /** As of its last look. */
  heardBefore = 0
  isBusy = false
  last = ""

  constructor({ path, raw, name, isLink }: Pick<Candidate, "path" | "raw" | "name" | "isLink">, directory: Directory) {
    this.path = path
    this.raw = raw
    this.name = name
    this.isLink = isLink
    this.directory = directory
    this.group = directory.group
  }

  readonly heard = (): void => {
    this.heardOf++
    this.dueAt = 0
  }
}
