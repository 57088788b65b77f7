/**
 * Groups: who may ask a file system something now. An operation that hangs holds a thread of the process until it returns, and nothing
 * can call it off. So operations are begun here, by group (a mount, or a directory), and a group that is late gets no further one:
 * what hangs costs a thread or two, and only its own files wait.
 *
 * Operations of a group are begun in the order in which they were asked for. Who is asked to wait waits as long as the group
 * hangs: look at `isLate` before asking for what is not needed.
 */

export interface GroupsOptions {
  /** Ms, monotonic. */
  readonly now: () => number
  /** Ms after which an operation is late. */
  readonly late: number
  /** Operations under way that are not late, of all groups. */
  readonly atOnce: number
  /** Groups that hung before: at most a few of their operations are under way together. */
  readonly suspects: ReadonlySet<string>
  /** A group that was told as late is not any more. */
  readonly onTime: (group: string) => void
}

export interface Late {
  readonly group: string
  /** Ms since the oldest operation was begun. */
  readonly for: number
}

const perGroup = 2
const suspectsAtOnce = 8

interface Operation {
  readonly group: string
  readonly begun: number
}

interface Group {
  waiting: Array<() => void>
  underWay: number
}

export class Groups {
  private readonly options: GroupsOptions
  private readonly groups = new Map<string, Group>()
  private readonly underWay = new Set<Operation>()
  private readonly late = new Map<string, number>()
  private readonly suspects: Set<string>
  /** Groups with operations that wait for others'. */
  private readonly queue = new Set<string>()
  /** When an operation returned last, ms, monotonic. */
  returned: number

  constructor(options: GroupsOptions) {
    this.options = options
    this.suspects = new Set(options.suspects)
    this.returned = options.now()
  }

  run<A>(group: string, work: () => Promise<A>): Promise<A> {
    return new Promise<A>((resolve, reject) => {
      const state = this.groups.get(group) ?? { waiting: [], underWay: 0 }
      this.groups.set(group, state)
      state.waiting.push(() => {
        const operation: Operation = { group, begun: this.options.now() }
        state.underWay++
        this.underWay.add(operation)
        work()
          .then(resolve, reject)
          .finally(() => this.ended(operation, state))
      })
      this.begin(group, state)
    })
  }

  /** Some operation of the group is late: nothing more is begun for it until that one returns. */
  isLate(group: string): boolean {
    return this.late.has(group)
  }

  /** Notes what became late since; answers all that is. */
  check(): ReadonlyArray<Late> {
    const now = this.options.now()
    for (const { group, begun } of this.underWay) {
      if (now - begun < this.options.late) continue
      const oldest = this.late.get(group)
      if (oldest === undefined || begun < oldest) this.late.set(group, begun)
    }
    this.next()
    return Array.from(this.late, ([group, begun]) => ({ group, for: now - begun }))
  }

  /** Threads that late operations hold. */
  get held(): number {
    if (this.late.size === 0) return 0
    let held = 0
    for (const { group } of this.underWay) if (this.late.has(group)) held++
    return held
  }

  private ended(operation: Operation, state: Group): void {
    const { group } = operation
    this.underWay.delete(operation)
    state.underWay--
    this.returned = this.options.now()
    if (this.late.has(group) && ![...this.underWay].some((other) => other.group === group)) {
      this.late.delete(group)
      this.options.onTime(group)
    }
    this.suspects.delete(group)
    if (state.underWay === 0 && state.waiting.length === 0) this.groups.delete(group)
    else this.begin(group, state)
    this.next()
  }

  private begin(group: string, state: Group): void {
    while (state.waiting.length > 0 && this.mayBegin(group, state)) state.waiting.shift()!()
    if (state.waiting.length > 0 && !this.late.has(group)) this.queue.add(group)
    else this.queue.delete(group)
  }

  /** What waited for another group's operations. */
  private next(): void {
    for (const group of this.queue) {
      if (this.underWay.size - this.held >= this.options.atOnce) return
      const state = this.groups.get(group)
      if (state === undefined) this.queue.delete(group)
      else this.begin(group, state)
    }
  }

  private mayBegin(group: string, state: Group): boolean {
    if (state.underWay >= perGroup || this.late.has(group)) return false
    if (this.suspects.has(group)) {
      if (state.underWay > 0) return false
      let suspects = 0
      for (const other of this.underWay) if (this.suspects.has(other.group)) suspects++
      if (suspects >= suspectsAtOnce) return false
    }
    return this.underWay.size - this.held < this.options.atOnce
  }
}
