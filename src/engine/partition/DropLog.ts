/**
 * DropLog: what back pressure dropped of one partition, and when to say so: at the start of an episode, now and then while it lasts,
 * and at its end with the total. A partition that drops again right after an end says so with its next line: of start and now
 * and then there is one line in half a minute at most. The clock does nothing but that.
 */

/** Ms between two lines. */
const pace = 30_000

export class DropLog {
  /** Records, by this owner. */
  total = 0
  /** Wall clock, ms, of the present episode's begin. */
  since: number | undefined
  private readonly key: string
  private before = 0
  private untold = 0
  private from = -1
  private until = -1
  private saidAt = Number.NEGATIVE_INFINITY
  /** A line about the present episode was written, so there will be one about its end. */
  private said = false

  constructor(key: string) {
    this.key = key
  }

  /** `until`: exclusive. */
  add(records: number, from: number, until: number, wall: number): void {
    if (this.since === undefined) {
      this.since = wall
      this.before = this.total
    }
    if (this.untold === 0) this.from = from
    this.until = until
    this.untold += records
    this.total += records
  }

  /** There is something to say, now or a little later. */
  get waiting(): boolean {
    return this.untold > 0
  }

  /** The line that is due now. `lag`: records from the position to the log's end. */
  due(now: number, lag: number, fence: number): string | undefined {
    if (this.untold === 0 || now - this.saidAt < pace) return undefined
    this.saidAt = now
    this.said ||= this.since !== undefined
    const hidden =
      this.from < fence ? "; sources that another owner may have shown stay hidden until their next round" : ""
    return (
      `${this.told()}${this.since === undefined || lag < 0 ? " while its actor was behind" : ` because its actor is behind by ${lag}`}: ` +
      `more arrives than it processes, and the strategy is to drop the oldest. They are never shown; newer ones are${hidden}`
    )
  }

  /** The episode is over, because of `why`. */
  end(wall: number, why: string): string | undefined {
    const { since, said } = this
    if (since === undefined) return undefined
    this.since = undefined
    this.said = false
    if (!said) return undefined
    this.untold = 0
    const seconds = Math.max(0, Math.round((wall - since) / 1000))
    return `${this.key}: no more is dropped, ${why}: ${this.total - this.before} records were in ${seconds} s`
  }

  private told(): string {
    const text = `${this.key}: dropped ${this.untold} records, offsets ${this.from} to ${this.until - 1},`
    this.untold = 0
    return text
  }
}
