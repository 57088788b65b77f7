/**
 * CommitFile: what all groups committed, in one file that is replaced whole; the file alone says what is committed. Commits are stored in
 * the order in which they were sent.
 */
import { readFile, rename, writeFile } from "node:fs/promises"
import { Effect, Semaphore } from "effect"
import { type Commit, type Committed, partitionKey, type TopicPartition } from "kafka2prom/transport"

export class CommitFile {
  private readonly path: string
  private readonly writing = Semaphore.makeUnsafe(1)

  constructor(path: string) {
    this.path = path
  }

  /** By group and partition. */
  private async read(): Promise<Map<string, Committed>> {
    const text = await readFile(this.path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "[]"
      throw error
    })
    return new Map(JSON.parse(text) as Array<[string, Committed]>)
  }

  /** One after the other: a commit that overtakes a later one would bring the group back to where it was. */
  store(group: string, commits: ReadonlyArray<Commit>): Effect.Effect<void> {
    return this.writing.withPermits(1)(Effect.uninterruptible(this.replace(group, commits)))
  }

  private replace(group: string, commits: ReadonlyArray<Commit>): Effect.Effect<void> {
    return Effect.promise(async () => {
      const stored = await this.read()
      for (const { tp, offset, metadata } of commits) stored.set(`${group} ${partitionKey(tp)}`, { offset, metadata })
      await writeFile(`${this.path}.new`, JSON.stringify([...stored]), { flush: true })
      await rename(`${this.path}.new`, this.path)
    })
  }

  committed(group: string, tps: ReadonlyArray<TopicPartition>): Effect.Effect<ReadonlyMap<string, Committed>> {
    return Effect.promise(async () => {
      const stored = await this.read()
      const found = tps.map(partitionKey).map((key) => [key, stored.get(`${group} ${key}`)] as const)
      return new Map(found.flatMap(([key, commit]) => (commit === undefined ? [] : [[key, commit] as const])))
    })
  }
}
