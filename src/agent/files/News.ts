/**
 * News: what a person is still to be told. Files that changed at the same moment are told together, at the start all that are
 * there; a file is looked at when it is told, so what was over by then is not. It makes no sentence: Telling and Refusals do.
 */
import { type Judged, tellRefusals } from "./Refusals.ts"
import { type Line, type Subject, tell } from "./Telling.ts"

/** Changes are told together that come within so many ms. */
const moment = 1_000
/** At the start, until the looker knows its files; ms. */
const startMoment = 5_000

export class News {
  private readonly now: () => number
  private readonly changed = new Set<Subject>()
  private readonly judged = new Set<Judged>()
  private lines: Array<Line> = []
  private since: number
  private isStarting = true

  /** `now`: ms, monotonic. */
  constructor(now: () => number) {
    this.now = now
    this.since = now()
  }

  /** It stands otherwise than before. */
  ofFile(file: Subject): void {
    this.begin()
    this.changed.add(file)
  }

  /** Pods would show otherwise of its dump than they did. */
  ofDump(file: Judged): void {
    this.begin()
    this.judged.add(file)
  }

  /** Of something else: told with the next ones. */
  add(line: Line | undefined): void {
    if (line !== undefined) this.lines.push(line)
  }

  /** All files that could be found are known. */
  allFound(): void {
    this.since = Math.min(this.since, this.now() - startMoment + moment)
  }

  /** What is due, since the last call. */
  take(): ReadonlyArray<Line> {
    const isDue = this.now() - this.since >= (this.isStarting ? startMoment : moment)
    if (isDue) {
      this.isStarting = false
      this.lines.push(...tell(this.changed), ...tellRefusals(this.judged))
      this.changed.clear()
      this.judged.clear()
    }
    return this.lines.length === 0 ? this.lines : this.lines.splice(0)
  }

  private begin(): void {
    if (this.changed.size + this.judged.size === 0 && !this.isStarting) this.since = this.now()
  }
}
