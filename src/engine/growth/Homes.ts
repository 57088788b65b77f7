/**
 * Homes: whether a key may live in a partition, by the counts of partitions that its topic is known to have had and by how keys are
 * placed. Plain state of one partition, no Effect; Growth brings what there is to know.
 *
 * A key is at home where its hash says. It moves when the topic grows, and its old home may go on showing it until its owner has
 * heard of that. So each count but the first has a K, an offset of this log: of a key that came here with that count only records
 * from K on are taken. K is the log's end when the owner saw that the commits of *all* the topic's partitions name the count, that
 * is, when everywhere else it was hidden. It depends on the log and on (count, K) alone, which are in every commit, so a
 * later owner decides alike.
 *
 * A key at home under no known count, a stranger, was put here by a count between two that nobody of the group ever heard of, or in
 * another way: by hand, or by another partitioner, which moves it when the topic grows, anywhere. So a larger count hides strangers
 * everywhere, and only records from W on are taken of them: the log's end when K was known and the growth window was over,
 * that is, when no producer believed in a smaller count any more. What an owner that lags reads later of before stays hidden.
 *
 * Without a known placement nobody can tell who moved. Then the newest count has the log's end at the moment when the owner
 * heard of it, and what is first seen from there on waits for as long. That is no proof.
 */
import { type Placement, placing } from "../../transport/Placement.ts"

/**
 * `misplaced`: at home under a smaller count and not under the largest: its producer has not heard of the growth, or had not.
 * `early`: at home here, and its old home may still show it. `stranger`: at home under no known count.
 * @experimental
 */
export type Verdict = "home" | "misplaced" | "early" | "stranger"

/** What became known of a topic at one of its growths. */
export interface Step {
  /** Partitions of the topic. */
  readonly count: number
  /** K. */
  readonly from: number
}

/** As it stands in a commit. */
export interface HomesNote {
  readonly placement: Placement | undefined
  /** W, `unknownYet` where the largest count has not been known for the growth window. Without a placement it is no more than that. */
  readonly settledFrom: number
  readonly steps: ReadonlyArray<Step>
}

/** K is not known yet. */
export const unknownYet = -1

/** Counts that are remembered. Beyond them the smallest go, and K of the smallest that is left holds for every key. */
export const maxCounts = 8

/** Which keys belong into a partition, now that its topic may have grown. Asked by processors whose keys a producer placed. @experimental */
export class Homes {
  private readonly partition: number
  /** How producers place keys; undefined while that is not known. */
  placement: Placement | undefined
  /** W: from here on strangers are taken; -1 while that is not known. */
  settledFrom = unknownYet
  /** Ascending by count. @internal */
  steps: ReadonlyArray<Step> = []
  /** Without a placement: the log's end is wanted as K of the largest count. @internal */
  endWanted = false
  /** When the growth window is over, on the owner's monotonic clock. @internal */
  waitsUntil = 0
  /** Asks the brokers how many partitions there are. What it answers tells whether they have answered since. */
  fresh: () => () => boolean = () => () => true

  /** @internal */
  constructor(partition: number) {
    this.partition = partition
  }

  /** The largest count that is known; 0: none. @internal */
  get largest(): number {
    return this.steps[this.steps.length - 1]?.count ?? 0
  }

  /** The largest count has been known for the growth window. */
  get waited(): boolean {
    return this.settledFrom !== unknownYet
  }

  /** Whether there is anything to ask before a key is taken. */
  get asks(): boolean {
    return this.placement !== undefined ? this.steps.length > 0 : this.waiting
  }

  /** Without a placement, and what is new has to wait. @internal */
  get waiting(): boolean {
    return this.placement === undefined && this.steps.length > 1 && !this.waited
  }

  /** Counts whose K is to be found out. @internal */
  get open(): ReadonlyArray<number> {
    if (this.placement === undefined) return []
    return this.steps.filter(({ from }) => from === unknownYet).map(({ count }) => count)
  }

  /** What an owner before committed. Before anything else. @internal */
  restore({ placement, settledFrom, steps }: HomesNote): void {
    this.placement = placement
    this.settledFrom = settledFrom
    this.steps = steps
  }

  /** What is known of the topic, ascending. Answers whether that is news: what is not at home now must go at once. @internal */
  know(placement: Placement | undefined, counts: ReadonlyArray<number>): boolean {
    const before = this.steps
    const replaced = placement !== this.placement
    const kept = counts.slice(-maxCounts)
    const steps = kept.map((count, i): Step => {
      const known = before.find((s) => s.count === count)
      // What was the first count may be one that the topic grew to, if a smaller one turns up.
      if (known === undefined || (i > 0 && (replaced || before[0] === known)))
        return { count, from: i === 0 ? 0 : unknownYet }
      return i === 0 && replaced ? { count, from: 0 } : known
    })
    const same = steps.length === before.length && steps.every((s, i) => s.count === before[i]!.count)
    if (same && !replaced) return false
    this.settledFrom = unknownYet
    this.placement = placement
    this.steps = steps
    return true
  }

  /** K of a count that is still without. @internal */
  resolve(count: number, from: number): void {
    this.steps = this.steps.map((s) => (s.count === count && s.from === unknownYet ? { count, from } : s))
  }

  /** The window is over, and all K are known. @internal */
  settle(from: number): void {
    if (!this.waited && this.open.length === 0) this.settledFrom = from
  }

  /** The log begins anew at `start`: offsets of the old one say nothing any more. @internal */
  restarted(start: number): void {
    this.steps = this.steps.map((s) => (s.from > start ? { ...s, from: start } : s))
    this.settledFrom = Math.min(this.settledFrom, start)
  }

  /** Whether the key belongs here under the largest count. False where that cannot be known. */
  isHome(key: Uint8Array): boolean {
    const { placement, largest, partition } = this
    return placement !== undefined && largest > 0 && placing[placement](key) % largest === partition
  }

  /** What is to become of the key's record at `offset`. The same for each owner, by what is in the commits. */
  judge(key: Uint8Array, offset: number): Verdict {
    const { placement, steps, partition } = this
    const last = steps.length - 1
    if (placement === undefined) {
      if (!this.waiting) return "home"
      const { from } = steps[last]!
      return from >= 0 && offset < from ? "home" : "early"
    }
    if (last < 0) return "home"
    const hash = placing[placement](key)
    if (hash % steps[last]!.count !== partition) {
      for (let i = 0; i < last; i++) if (hash % steps[i]!.count === partition) return "misplaced"
      return "stranger"
    }
    let since = last
    while (since > 0 && hash % steps[since - 1]!.count === partition) since--
    const { from } = steps[since]!
    return from >= 0 && offset >= from ? "home" : "early"
  }
}

/** By partition; undefined where there is no commit, or one that names no count. */
export type Named = ReadonlyArray<HomesNote | undefined>

/** Whether everywhere what is not at home under the count was hidden before. */
export const isNamed = (named: Named, count: number, placement: Placement | undefined): boolean =>
  placement !== undefined &&
  named.every((note) => note?.placement === placement && note.steps.some((step) => step.count === count))

const codes: Readonly<Record<Placement, string>> = { murmur2: "m", crc32: "c" }

/** Flat, because it is in every commit: the placement's letter, a plus and W where it is known, then count and K in turn. Undefined where no count is known. */
export const encodeHomes = ({
  placement,
  settledFrom,
  steps
}: HomesNote): ReadonlyArray<string | number> | undefined =>
  steps.length === 0
    ? undefined
    : [
        `${encodePlacement(placement)}${settledFrom === unknownYet ? "" : `+${settledFrom}`}`,
        ...steps.flatMap(({ count, from }) => [count, from])
      ]

/** Undefined for whatever is not ours: nothing is known then. */
export const decodeHomes = (x: unknown): HomesNote | undefined => {
  if (!Array.isArray(x) || x.length < 3 || x.length % 2 === 0 || x.length > 1 + 2 * maxCounts) return undefined
  const [code, ...numbers] = x as ReadonlyArray<unknown>
  if (typeof code !== "string") return undefined
  const [letter = "", settled = ""] = code.split("+", 2)
  const placement = decodePlacement(letter)
  if (placement === undefined && letter !== "") return undefined
  // Versions that did not say from where on wrote the plus alone.
  const settledFrom = settled === "" ? unknownYet : Number(settled)
  if (!Number.isSafeInteger(settledFrom) || settledFrom < unknownYet) return undefined
  const steps: Array<Step> = []
  for (let i = 0; i < numbers.length; i += 2) {
    const [count, from] = [numbers[i], numbers[i + 1]]
    if (!isCount(count) || !Number.isSafeInteger(from) || (from as number) < unknownYet) return undefined
    if (count <= (steps[steps.length - 1]?.count ?? 0)) return undefined
    steps.push({ count, from: from as number })
  }
  return { placement, settledFrom, steps }
}

export const isCount = (x: unknown): x is number =>
  typeof x === "number" && Number.isSafeInteger(x) && x > 0 && x <= 1_000_000

export const encodePlacement = (placement: Placement | undefined): string =>
  placement === undefined ? "" : codes[placement]

export const decodePlacement = (code: unknown): Placement | undefined =>
  code === "m" ? "murmur2" : code === "c" ? "crc32" : undefined
