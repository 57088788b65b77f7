/**
 * TapJudge: whoever is told of each round that the pods of a history accept, and what must be true of it. He is slow here and there, fails now and
 * then, and where he is stalled what he is told of that partition takes no end. Of each owner of a partition, one incarnation of its actor:
 *
 * - Rounds are told in the log's order, each once, and of a source none that is not newer: so none that was not accepted.
 * - What has changed and what went is the difference to what was told of the source before: so none is left out either.
 * - What is said to be a replay was told to its end before.
 * - What went had been told, and does not go twice, but where he failed.
 *
 * By what `newestTold` says others judge that nothing is committed before it was told, and by `untold` that in the end all is.
 */
import { Effect } from "effect"
import { Signal } from "../../../engine/Signal.ts"
import type { Changes } from "../../../metrics/tap/Samples.ts"
import type { AcceptedRound, GoneSource, Told } from "../../../metrics/tap/Tap.ts"
import type { Dump } from "../../../metrics/text/Dump.ts"
import { type Random, random } from "../../Random.ts"
import type { VirtualTime } from "../../VirtualTime.ts"
import type { Schedule } from "../Schedule.ts"

type Lines = ReadonlyMap<string, number>

/** A pod as it is tapped. */
export interface TappedPod {
  readonly name: string
  /** It refuses wide dumps. */
  readonly strict: boolean
}

/** What an incarnation told of a source last. */
interface Last {
  readonly offset: number
  readonly n: number
  /** Of a snapshot. */
  readonly lines: Lines | undefined
}

interface Incarnation {
  readonly who: string
  readonly committed: number
  offset: number
  readonly sources: Map<string, Last>
  /** By source: the offset of what went last. */
  readonly gone: Map<string, number>
}

/** How often it fails: one time in so many. More often, and a replay would fail for good. */
const failing = 200

/** Read here, and not by what the tap reads them with. */
const linesOf = ({ families }: Dump): Lines => {
  const lines = new Map<string, number>()
  for (const { bytes } of families)
    for (const line of Buffer.from(bytes).toString().split("\n")) {
      const end = line.indexOf("} ") + 1
      if (end > 0) lines.set(line.slice(0, end), Number(line.slice(end + 1)))
    }
  return lines
}

const differs = (now: Lines, before: Lines): { readonly changed: Lines; readonly went: ReadonlyArray<string> } => ({
  changed: new Map([...now].filter(([series, value]) => before.get(series) !== value)),
  went: [...before.keys()].filter((series) => !now.has(series)).sort()
})

const same = (changes: Changes, { changed, went }: ReturnType<typeof differs>): boolean =>
  changes.changed.length === changed.size &&
  changes.changed.every(({ series, value }) => changed.get(series) === value) &&
  changes.went
    .map(({ series }) => series)
    .sort()
    .join() === went.join()

export class TapJudge {
  private readonly violations: Array<string>
  private readonly time: VirtualTime
  private readonly r: Random
  /** Ms that a round takes at most. */
  private readonly most: number
  /** Nothing is accepted by one pod and not by another. */
  private readonly alike: boolean
  /** By pod and partition. */
  private readonly open = new Map<string, Incarnation>()
  private readonly newest = new Map<string, number>()
  /** Told to their end, by partition and offset. */
  private readonly finished = new Set<string>()
  private readonly finishedBySource = new Map<string, number>()
  private stalled: number | undefined
  private fails = true
  private readonly released = new Signal()

  constructor(
    { seed, telling = 0, mixedLimits, backpressure, faults }: Schedule,
    violations: Array<string>,
    time: VirtualTime
  ) {
    this.violations = violations
    this.time = time
    this.r = random(seed * 43)
    this.most = telling
    this.alike =
      !mixedLimits &&
      backpressure === "pause" &&
      faults.every(
        ({ fault }) => fault.type !== "strategy" && fault.type !== "toolResets" && fault.type !== "unreadable"
      )
  }

  produced(source: string, n: number): void {
    this.newest.set(source, n)
  }

  opened(pod: string, partition: number, committed: number): void {
    const who = `the tap of partition ${partition} in ${pod}`
    this.open.set(`${pod}/${partition}`, { who, committed, offset: -1, sources: new Map(), gone: new Map() })
  }

  /** It fails no more. */
  heal(): void {
    this.fails = false
  }

  /** From now on whatever is told of this partition takes no end; undefined: of none. */
  stall(partition: number | undefined): void {
    this.stalled = partition
    this.released.notify()
  }

  newestTold(series: string): number {
    return this.finishedBySource.get(series.slice(0, series.indexOf("/"))) ?? 0
  }

  /** Of these sources what they sent last must have been told by somebody when all is quiet. */
  untold(sources: ReadonlyArray<{ readonly name: string; readonly value: number }>): ReadonlyArray<string> {
    return sources
      .filter(({ name, value }) => (this.finishedBySource.get(name) ?? 0) < value)
      .map(({ name, value }) => `${name}: ${value} was told to nobody although everything is quiet`)
  }

  /** As a pod is tapped. */
  listening(pod: TappedPod): Told {
    return {
      name: "the simulation's",
      round: (round) =>
        Effect.suspend(() => {
          const n = this.round(pod, round)
          return Effect.andThen(
            this.taking(round.tp.partition),
            Effect.sync(() => this.finish(round, n))
          )
        }),
      gone: (gone) =>
        Effect.suspend(() => {
          this.gone(pod, gone)
          return this.taking(gone.tp.partition)
        })
    }
  }

  /** It takes its time, and fails at the end of it now and then. */
  private taking(partition: number): Effect.Effect<void, Error> {
    return Effect.suspend(() => {
      const fails = this.fails && this.r.chance(1 / failing)
      return Effect.sleep(this.r.chance(0.5) ? 0 : this.most * this.r.next()).pipe(
        Effect.andThen(this.released.until(() => this.stalled !== partition)),
        Effect.andThen(fails ? Effect.fail(new Error("the tap fails, by the schedule")) : Effect.void)
      )
    })
  }

  private finish({ tp, offset, source }: AcceptedRound, n: number): void {
    this.finished.add(`${tp.partition} ${offset}`)
    this.finishedBySource.set(source, Math.max(n, this.finishedBySource.get(source) ?? 0))
  }

  private incarnation(pod: TappedPod, partition: number): Incarnation {
    return this.open.get(`${pod.name}/${partition}`)!
  }

  /** Answers which of its source it is. */
  private round(pod: TappedPod, round: AcceptedRound): number {
    const { tp, offset, source, mode, replay } = round
    const one = this.incarnation(pod, tp.partition)
    const lines = linesOf(round.dump)
    const n = Math.max(...lines.values())
    const last = one.sources.get(source)
    const found = (what: string): void => {
      this.violations.push(
        `${one.who} was told of ${source} ${n} (offset ${offset}, at ${Math.round(this.time.now)} ms): ${what}`
      )
    }
    if (offset <= one.offset) found(`it was told of offset ${one.offset} before`)
    if (last !== undefined && n <= last.n) found(`it was told of ${last.n} before`)
    if (new Set(lines.values()).size !== 1) found("values of several rounds, or of none that was sent whole")
    if (n < 1 || n > (this.newest.get(source) ?? 0)) found("it was never sent")
    if (pod.strict && [...lines.keys()].some((series) => series.includes("pad="))) found("it was refused there")
    if (replay !== offset < one.committed) found(`it is ${replay ? "a" : "no"} replay, with C at ${one.committed}`)
    if (replay && this.alike && !this.finished.has(`${tp.partition} ${offset}`))
      found("it is a replay, and nobody told it to its end")
    const before = mode === "snapshot" ? last?.lines : undefined
    if ((round.before === undefined) !== (before === undefined))
      found(
        `it replaces ${round.before === undefined ? "nothing" : "something"}, and was told of ${last?.n ?? "nothing"}`
      )
    if (!same(round.changes(), differs(lines, before ?? new Map())))
      found("what is said to have changed is not the difference")
    one.offset = offset
    one.sources.set(source, { offset, n, lines: mode === "snapshot" ? lines : undefined })
    return n
  }

  private gone(pod: TappedPod, { tp, source, offset }: GoneSource): void {
    const one = this.incarnation(pod, tp.partition)
    const last = one.sources.get(source)
    // Told again where the first time failed.
    if (last === undefined && one.gone.get(source) === offset) return
    if (last?.offset !== offset)
      this.violations.push(
        `${one.who} was told that ${source} (offset ${offset}) went, and had been told of ${last?.offset ?? "nothing"} of it`
      )
    one.sources.delete(source)
    one.gone.set(source, offset)
  }
}
