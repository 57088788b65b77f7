/**
 * MountTable: the mounts of this machine, as the kernel tells them: read again now and then, which waits for no file system. Until it was
 * read, or where it cannot be, every path is on a mount of which nothing is known: its files are polled.
 */
import { readFile } from "node:fs/promises"
import * as Disk from "./Disk.ts"
import { groupOf, type Mount, mountOf, readMounts } from "./Mounts.ts"

const table = "/proc/self/mountinfo"

export class MountTable {
  private mounts: ReadonlyArray<Mount> = []
  private text = ""

  mountOf(path: string): Mount {
    return mountOf(this.mounts, path)
  }

  groupOf(path: string): string {
    return groupOf(this.mountOf(path), path)
  }

  /** Answers, for people, why it cannot be read; "" where it was. */
  async read(): Promise<string> {
    try {
      const text = await readFile(table, "utf8")
      // It is thousands of lines long on hosts of many containers.
      if (text !== this.text) this.mounts = readMounts(text)
      this.text = text
      return ""
    } catch (error) {
      return `the mounts of this machine cannot be read (${Disk.messageOf(error)}): files are polled`
    }
  }
}
