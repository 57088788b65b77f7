/**
 * owners: a partition's life in small, for properties: a log that grows in real time, owners that read it, lag, commit, lose commits,
 * drop what they have no time for and hand over, with the real Rounds, Marks and Reservation between them. Judged by what was
 * shown: no version after a higher one. Everything is decided by the dice; time is in ms with an expiry of 100.
 *
 * Senders keep to what the promise assumes: nothing arrives later than twice the expiry after something newer.
 */
import { Marks } from "../../src/engine/partition/Marks.ts"
import {
  commitAnswered,
  commitSent,
  keptFrom,
  type Reservation,
  unreserved
} from "../../src/engine/partition/Reservation.ts"
import type { Identity } from "../../src/metrics/rounds/Record.ts"
import { Rounds } from "../../src/metrics/rounds/Rounds.ts"
import { compareRounds } from "../../src/metrics/rounds/VersionMemory.ts"

const expiry = 100
const markEvery = 27

interface Rec extends Identity {
  readonly number: { readonly epoch: number; readonly round: number }
}

interface Shown {
  readonly number: Rec["number"]
  readonly first: number
  readonly offset: number
  readonly at: number
  readonly replayed: boolean
}

interface Commit {
  readonly c: number
  readonly l: number
  readonly marks: ReturnType<Marks["ago"]>
}

export interface Played {
  readonly violations: ReadonlyArray<string>
  readonly history: ReadonlyArray<string>
  /** How often something was shown and judged. */
  readonly shown: number
}

const text = ({ epoch, round }: Rec["number"]): string => `${epoch}.${round}`

class OwnerOf {
  readonly rounds: Rounds<number>
  readonly marks: Marks
  readonly contents = new Map<string, Shown>()
  reservation: Reservation
  position: number
  lowest: number
  committed: number
  passedAt: number | undefined
  readonly fence: number

  constructor(commit: Commit, fence: number, now: number) {
    this.position = Math.min(commit.l, commit.c)
    this.lowest = this.position
    this.committed = commit.c
    this.fence = fence
    this.marks = new Marks(commit.marks, now)
    this.reservation = { ...unreserved, kept: this.position }
    this.rounds = new Rounds(
      { gatherBytes: 1_000_000, sourceBytes: 1_000_000, maxSources: 100 },
      {
        kept: () => keptFrom(this.reservation),
        settled: () => this.marks.settled(this.position, 2 * expiry),
        outlived: () => this.marks.readBefore(6 * expiry, this.now),
        period: () => Math.floor((8 * this.now) / expiry)
      }
    )
    this.now = now
  }

  now: number

  age(content: Shown): number {
    if (!content.replayed) return this.now - content.at
    const counted = this.marks.readAgo(content.offset) ?? Number.POSITIVE_INFINITY
    return counted + (this.passedAt === undefined ? 0 : this.now - this.passedAt)
  }

  take(offset: number, rec: Rec): string {
    const step = this.rounds.take(rec, { offset }, 1, offset)
    if (step._tag === "Accepted") {
      const { first } = step.round
      this.contents.set(rec.source, {
        number: rec.number,
        first,
        offset,
        at: this.now,
        replayed: offset < this.fence
      })
    }
    // Below the fence what is refused takes what was there along.
    if (step._tag === "Refused" && offset < this.fence) this.contents.delete(rec.source)
    return step._tag === "Ignored" ? step.reason : step._tag
  }

  reached(position: number): void {
    this.position = position
    if (position >= this.fence) this.passedAt ??= this.now
  }

  visible(): ReadonlyArray<readonly [string, Shown]> {
    if (this.passedAt === undefined) return []
    return [...this.contents].filter(([, content]) => this.age(content) <= expiry)
  }

  commit(): Commit {
    for (const [source, content] of this.contents) if (this.age(content) > expiry) this.contents.delete(source)
    if (this.passedAt !== undefined) {
      this.rounds.settle(
        Math.min(this.marks.settled(this.position, expiry / 2), this.marks.readBefore(expiry / 2, this.now))
      )
      this.committed = Math.max(this.committed, this.rounds.committable(this.position))
    }
    let lowest = Math.min(this.rounds.lowest(this.position), this.position, this.committed)
    for (const { first } of this.contents.values()) lowest = Math.min(lowest, first)
    this.lowest = Math.max(this.lowest, lowest)
    this.marks.keepFrom(this.lowest)
    return { c: this.committed, l: this.lowest, marks: this.marks.ago(this.now) }
  }
}

/** What the queue tells of a dropped stretch: of each source the first and the last record, and the one of the highest round. */
const told = (log: ReadonlyArray<Rec>, from: number, to: number): ReadonlyArray<number> => {
  const bySource = new Map<string, [first: number, last: number, highest: number]>()
  for (let offset = from; offset < to; offset++) {
    const [first, , highest] = bySource.get(log[offset]!.source) ?? [offset, offset, offset]
    const higher = compareRounds(log[offset]!.number, log[highest]!.number) > 0
    bySource.set(log[offset]!.source, [first, offset, higher ? offset : highest])
  }
  return [...new Set([...bySource.values()].flat())].sort((a, b) => a - b)
}

export const playOwners = (
  dice: ReadonlyArray<number>,
  { epochs, drops }: { readonly epochs: number; readonly drops: boolean }
): Played => {
  let at = 0
  const die = (n: number): number => (dice[at++ % dice.length]! ^ (at * 0x9e3779b1)) >>> (0 % n)
  const roll = (n: number): number => die(n) % n
  const log: Array<Rec> = []
  const history: Array<string> = []
  const violations: Array<string> = []
  /** When each version was first in the log, by source. */
  const appended = new Map<string, Array<{ readonly number: Rec["number"]; readonly at: number }>>()
  const best = new Map<string, Rec["number"]>()
  let shown = 0
  let now = 0
  let generation = 1
  let stored: Commit = { c: 0, l: 0, marks: [{ end: 0, read: 0, ago: 0 }] }
  let owner = new OwnerOf(stored, 0, now)
  let lastMark = 0

  const judge = (): void => {
    for (const [source, { number }] of owner.visible()) {
      shown++
      const before = best.get(source)
      if (before !== undefined && compareRounds(number, before) < 0)
        violations.push(`${source}: ${text(number)} shown after ${text(before)} at ${now}`)
      best.set(source, number)
    }
  }

  /** Higher versions that were in the log for long make an older one too late. */
  const tooLate = (source: string, number: Rec["number"]): boolean =>
    (appended.get(source) ?? []).some((a) => compareRounds(a.number, number) > 0 && now - a.at > 1.9 * expiry)

  const append = (): void => {
    const source = ["a", "b"][roll(2)]!
    const number = { epoch: 1 + roll(epochs), round: 1 + roll(6) }
    const [index, count] = [[1, 1] as const, [1, 1] as const, [1, 2] as const, [2, 2] as const, [1, 3] as const][
      roll(5)
    ]!
    if (tooLate(source, number)) return
    const all = appended.get(source) ?? []
    appended.set(source, all)
    if (!all.some((a) => compareRounds(a.number, number) === 0)) all.push({ number, at: now })
    log.push({ source, number, index, count })
    history.push(`${now} ms: offset ${log.length - 1} is ${source} ${text(number)} ${index}/${count}`)
  }

  const read = (): void => {
    const to = log.length
    let offset = owner.position
    if (drops && roll(3) === 0 && to - offset > 1) {
      const end = offset + 1 + roll(to - offset - 1)
      for (const dropped of told(log, offset, end)) {
        owner.rounds.skip(log[dropped]!, { offset: dropped }, offset, true)
        if (dropped < owner.fence) owner.contents.delete(log[dropped]!.source)
      }
      history.push(`${now} ms: offsets ${offset} to ${end - 1} are dropped`)
      owner.reached(end)
      offset = end
    }
    for (; offset < to; offset++) {
      const what = owner.take(offset, log[offset]!)
      history.push(`${now} ms: offset ${offset}: ${what}`)
      owner.reached(offset + 1)
    }
  }

  const commit = (): void => {
    const sent = owner.commit()
    owner.reservation = commitSent(owner.reservation, owner.position, sent.l, generation)
    const fate = roll(4)
    if (fate !== 0) stored = sent
    // Of unknown outcome: it may have arrived or not.
    owner.reservation = commitAnswered(owner.reservation, fate <= 1 ? "unknown" : "confirmed")
    history.push(`${now} ms: commit C ${sent.c} L ${sent.l} ${["lost", "arrived unheard"][fate] ?? "confirmed"}`)
  }

  while (at < 2 * dice.length) {
    now += [0, 1, 5, 10, 20, 40, 90, 150][roll(8)]!
    owner.now = now
    if (now - lastMark >= markEvery) {
      owner.marks.add({ end: log.length, read: Math.max(owner.position, owner.fence), at: now })
      lastMark = now
    }
    switch (roll(8)) {
      case 0:
        commit()
        break
      case 1: {
        commit()
        // Nobody shows beyond what the log held; the next owner is hidden up to there.
        const fence = log.length
        generation++
        owner = new OwnerOf(stored, fence, now)
        owner.marks.add({ end: log.length, read: Math.max(fence, owner.position), at: now })
        history.push(`${now} ms: a new owner from ${owner.position}, fence ${fence}`)
        if (roll(2) === 0) read()
        break
      }
      // It lags: what comes is not read yet.
      case 2:
      case 3:
        append()
        break
      default:
        append()
        read()
    }
    judge()
  }
  return { violations, history, shown }
}
