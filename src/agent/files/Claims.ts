/**
 * Claims: which file has which source id. Of several files with one id the first that asked for it has it; when that one leaves, the next
 * has it. Ids may be others' from the start. Pure.
 */
export class Claims {
  private readonly others: ReadonlyMap<string, string>
  /** The first one has it. */
  private readonly paths = new Map<string, ReadonlyArray<string>>()

  /** `others`: ids that are not a file's, and whose they are. */
  constructor(others: ReadonlyArray<readonly [source: string, whose: string]>) {
    this.others = new Map(others)
  }

  ask(source: string, path: string): void {
    const paths = this.paths.get(source) ?? []
    if (!paths.includes(path)) this.paths.set(source, [...paths, path])
  }

  /** Whose the id is, where it is not this file's. */
  rival(source: string, path: string): string | undefined {
    const first = this.paths.get(source)?.[0]
    return this.others.get(source) ?? (first === path ? undefined : first)
  }

  /** Answers the file that has the id now, and did not have it before. */
  leave(source: string, path: string): string | undefined {
    const paths = this.paths.get(source) ?? []
    const rest = paths.filter((other) => other !== path)
    if (rest.length === 0) this.paths.delete(source)
    else this.paths.set(source, rest)
    return paths[0] === path && !this.others.has(source) ? rest[0] : undefined
  }
}
