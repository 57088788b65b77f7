/**
 * Literals: of patterns that may be a file's very name, `br[1].prom`, whether there is such a file: then it is meant, and not what the
 * pattern means. Asked now and then, and never of a group that is late.
 */
import * as Disk from "./Disk.ts"
import type { Glob } from "./Glob.ts"
import type { Groups } from "./Groups.ts"

interface Probe {
  readonly glob: Glob
  isThere: boolean
  at: number
  isBusy: boolean
}

export interface LiteralsOptions {
  readonly groups: Groups
  readonly groupOf: (path: string) => string
  /** Ms between two questions. */
  readonly every: number
  /** Some answer is another one than before. */
  readonly changed: () => void
}

export class Literals {
  private readonly options: LiteralsOptions
  private readonly probes: ReadonlyMap<Glob, Probe>

  constructor(globs: ReadonlyArray<Glob>, options: LiteralsOptions) {
    this.options = options
    this.probes = new Map(
      globs
        .filter((glob) => glob.mayBeLiteral)
        .map((glob) => [glob, { glob, isThere: false, at: Number.NEGATIVE_INFINITY, isBusy: false }])
    )
  }

  isThere(glob: Glob): boolean {
    return this.probes.get(glob)?.isThere === true
  }

  /** `now`: ms, monotonic. */
  ask(now: number): void {
    const { groups, groupOf, every } = this.options
    for (const probe of this.probes.values()) {
      const group = groupOf(probe.glob.base)
      if (probe.isBusy || now - probe.at < every || groups.isLate(group)) continue
      probe.isBusy = true
      probe.at = now
      groups
        .run(group, () => Disk.stat(probe.glob.literal))
        .then(
          () => this.answered(probe, true),
          () => this.answered(probe, false)
        )
    }
  }

  private answered(probe: Probe, isThere: boolean): void {
    const isOther = isThere !== probe.isThere
    probe.isThere = isThere
    probe.isBusy = false
    if (isOther) this.options.changed()
  }
}
