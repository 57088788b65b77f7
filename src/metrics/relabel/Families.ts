/**
 * Families: which metadata lines of a dump still say something of its series once rules were at work. A sample belongs to the family of its own
 * name, or else to that of its name without the suffix (`foo_bucket` to `foo`), where metadata names one. Pure.
 */
const suffix = /_(?:bucket|sum|count|total|created|info|gsum|gcount)$/

interface Line {
  readonly name: string
  readonly start: number
  readonly end: number
}

export class Families {
  private readonly lines: Array<Line> = []
  private readonly names = new Set<string>()
  /** Sample names of the dump before the rules, and after. */
  private readonly before = new Set<string>()
  private readonly after = new Set<string>()
  /** Lines of one name follow each other. */
  private lastBefore = ""
  private lastAfter = ""

  /** A metadata line. */
  state(name: string, start: number, end: number): void {
    this.lines.push({ name, start, end })
    this.names.add(name)
  }

  /** The dump had a series of that name. */
  had(name: string): void {
    if (name === this.lastBefore) return
    this.before.add(name)
    this.lastBefore = name
  }

  /** A series of that name is left. */
  keeps(name: string): void {
    if (name === this.lastAfter) return
    this.after.add(name)
    this.lastAfter = name
  }

  /** The metadata lines of families that had series and have none. */
  empty(): ReadonlyArray<Line> {
    const had = this.familiesOf(this.before)
    const have = this.familiesOf(this.after)
    return this.lines.filter(({ name }) => had.has(name) && !have.has(name))
  }

  private familiesOf(samples: ReadonlySet<string>): ReadonlySet<string> {
    const families = new Set<string>()
    for (const name of samples) {
      const family = this.names.has(name) ? name : name.replace(suffix, "")
      if (this.names.has(family)) families.add(family)
    }
    return families
  }
}
