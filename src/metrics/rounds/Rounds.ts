/**
 * Rounds: which records of a partition make a complete round, and whether it is accepted (rule 8 of the handoff). Pure.
 *
 * Everything is decided by the log alone, by content and order; no timestamp and no clock has a say. An owner that starts where an
 * earlier one's L was never shows anything older than that one did: what is remembered is what any owner sees from there on. The rules:
 *  - A numbered round is complete with the record after which a live copy of each of its chunks is there (see Gathering).
 *    Copies may come in any order and repeat; the latest counts. VersionMemory says whether it is accepted.
 *  - A newer round's chunk supersedes the chunks of older rounds before it. Another chunk count for the same round takes
 *    the place of what was gathered under the old count, and is refused where it did.
 *  - Records without a number are ordered by offset: chunks 1..n must come in order with no other round between them, each
 *    complete round is accepted.
 *    They neither know nor change the numbered rounds' memory: a source that mixes both shows what came last.
 *  - Of at most `maxSources` sources something is remembered (see Versions).
 *
 * What a round contains is not looked at: a round whose content is refused later still counts as accepted here.
 */
import type { Refusal, RefusalReason } from "../text/Dump.ts"
import {
  type Chunk,
  type Gathering,
  Gatherings,
  type GatherLimits,
  type GivenUp,
  type Place,
  type Sender
} from "./Gathering.ts"
import { type Identity, quoted, type RoundNumber, refusal } from "./Record.ts"
import { type Bounds, compareRounds, type IgnoredReason } from "./VersionMemory.ts"
import { type Remembered, Versions } from "./Versions.ts"

export interface RoundsOptions extends GatherLimits {
  readonly maxSources: number
}

export interface Round<P> extends Place {
  readonly source: string
  readonly number: RoundNumber | undefined
  /** One a chunk, by index. */
  readonly parts: ReadonlyArray<P>
  /** The lowest offset of its chunks; `offset` is the completing record's. */
  readonly first: number
}

export type Step<P> =
  | { readonly _tag: "Accepted"; readonly round: Round<P> }
  | { readonly _tag: "Ignored"; readonly reason: IgnoredReason | "newcomer" }
  /** A chunk of an unfinished round. `stale`: as things are the round would be ignored. */
  | { readonly _tag: "Gathering"; readonly stale: boolean }
  /** `gathers`: for what came before it; the chunk itself is one of an unfinished round. */
  | { readonly _tag: "Refused"; readonly refusal: Refusal; readonly gathers: boolean; readonly stale: boolean }

/** An owner that commits once a second never has as many. Beyond it a commit may pass a chunk, which `lowest()` still covers. */
const maxSpans = 4096
/** Of a source's unfinished rounds, from the lowest on. */
const maxLooks = 64

export class Rounds<P> {
  private readonly options: RoundsOptions
  private readonly bounds: Bounds
  private readonly gatherings: Gatherings<P>
  private readonly versions: Versions
  /** Rounds of several chunks that were completed after what was last asked to be committed, in order. */
  private spans: Array<{ readonly first: number; readonly offset: number }> = []

  /** `leaves`: the payload of a chunk that is not of an unfinished round any more. */
  constructor(options: RoundsOptions, bounds: Bounds, leaves?: (payload: P) => void) {
    this.options = options
    this.bounds = bounds
    this.versions = new Versions(options.maxSources, bounds)
    this.gatherings = new Gatherings(options, bounds.kept, leaves)
  }

  /** Chunks given up so far, by cause. */
  get givenUp(): Readonly<Record<GivenUp, number>> {
    return this.gatherings.givenUp
  }

  /** What all of it takes, besides the payloads. */
  get bytes(): number {
    return this.versions.bytes + this.gatherings.overhead
  }

  /** A record that was dropped unseen among others, from `from` on. `readable`: whoever reads it takes it for what its identity says. */
  skip(id: Identity, place: Place, from: number, readable: boolean): void {
    const sender = this.gatherings.of(id.source)
    this.endUnnumbered(sender)
    if (id.number === undefined) return
    const { number } = id
    const source = this.versions.touch(id.source, place.offset)
    if (source === undefined) return
    // With the chunks that came before it the round may be complete for others; so may be an older one by what was dropped with it.
    // Here neither can be: what was dropped may have taken the chunks' place, under another count.
    const whole = readable && id.count === 1
    const begun = this.upTo(sender, (g) => compareRounds(g, number) <= 0, "unfinished")
    const first = Math.min(begun, whole ? place.offset : from)
    this.versions.remembering(source, (memory) =>
      memory.skip({ ...number, ...place, first: whole ? place.offset : first }, whole)
    )
  }

  /**
   * By index, what makes a complete round together with a record that is still to come, and undefined in its own place; undefined where it
   * completes none. Nothing is changed. Of a source that sends chunks of dozens of rounds not all are looked at.
   */
  completedBy({ source, number, index, count }: Identity): ReadonlyArray<P | undefined> | undefined {
    const sender = this.gatherings.of(source)
    let gathering = number === undefined ? sender?.unnumbered : undefined
    let link = number === undefined ? undefined : sender?.rounds.tail
    for (let k = 0; k < maxLooks && link !== undefined && gathering === undefined; k++, link = link.before)
      if (compareRounds(link.item.number!, number!) === 0) gathering = link.item
    if (gathering?.count !== count) return undefined
    const { byIndex } = gathering
    if (byIndex.size + (byIndex.has(index) ? 0 : 1) < count) return undefined
    const parts: Array<P | undefined> = []
    for (let k = 1; k <= count; k++) {
      const payload = k === index ? undefined : byIndex.get(k)?.payload
      if (payload === undefined && k !== index) return undefined
      parts.push(payload)
    }
    return parts
  }

  /** A record that is a whole round without a number, as `take` does: it is accepted, whatever it holds. */
  single(source: string): void {
    this.endUnnumbered(this.gatherings.of(source))
  }

  take(id: Identity, place: Place, bytes: number, payload: P): Step<P> {
    const chunk = id.count > 1 ? this.gatherings.enter(id.source, place, bytes) : undefined
    if (id.number === undefined && chunk === undefined) {
      this.single(id.source)
      return accepted(id, { ...place, parts: [payload], first: place.offset })
    }
    if (id.number === undefined) return this.takeUnnumbered(id, place, chunk!, payload)
    const source = this.versions.touch(id.source, place.offset)
    if (source === undefined)
      return refused(
        "too-many-sources",
        `the rounds of ${this.options.maxSources} sources of the partition are remembered already; ${quoted(id.source)} is new`
      )
    return this.takeNumbered(source, id, id.number, place, chunk, payload)
  }

  /** C: the first chunk of a round that was unfinished at `position` and may still be accepted, or was. At most `position`. */
  committable(position: number): number {
    this.spans = this.spans.filter((span) => span.offset >= position)
    const first = this.spans.reduce((lowest, span) => Math.min(lowest, span.first), position)
    return this.gatherings.committable(first)
  }

  /** Nothing late can follow what lies before it: unfinished rounds are given up. For an owner that is past its fence. */
  settle(settled: number): void {
    this.gatherings.settle(settled)
  }

  /** L as far as decisions go: from here on a new owner must read to decide later records. Of whom nothing is known any more is forgotten. */
  lowest(position: number): number {
    this.gatherings.advance()
    this.versions.forget((id) => this.gatherings.until(id))
    return Math.min(this.gatherings.lowest(position), this.versions.lowest())
  }

  private takeNumbered(
    source: Remembered,
    id: Identity,
    number: RoundNumber,
    place: Place,
    chunk: Chunk<P> | undefined,
    payload: P
  ): Step<P> {
    const sender = this.gatherings.of(id.source)
    this.endUnnumbered(sender)
    this.upTo(sender, (g) => compareRounds(g, number) < 0, "superseded")
    let gathering = sender?.rounds.tail?.item
    if (gathering !== undefined && compareRounds(gathering.number!, number) > 0) gathering = undefined
    let lost = 0
    if (gathering !== undefined && gathering.count !== id.count) {
      lost = this.gatherings.drop(sender!, gathering, "conflict")
      gathering = undefined
    }
    if (chunk === undefined) return this.decide(source, id, { ...place, parts: [payload], first: place.offset })

    gathering ??= this.gatherings.begin(chunk.sender, number, id.count)
    const stale = this.versions.remembering(source, (memory) => {
      if (!memory.blocks(number)) return false
      // It may be given up here as settled, and complete for a new owner, which then has to know what blocks it.
      memory.skip({ ...number, ...place, first: place.offset }, false)
      return true
    })
    this.gatherings.add(gathering, id.index, chunk, payload, stale)
    if (gathering.byIndex.size === id.count) return this.decide(source, id, this.complete(gathering, place))
    if (lost > 0)
      return refused(
        "chunk-conflict",
        `chunk ${id.index}/${id.count} of round ${number.epoch}.${number.round} of ${quoted(id.source)}: chunks before it named another count; ${lost} of those are thrown away`,
        { gathers: true, stale }
      )
    return { _tag: "Gathering", stale }
  }

  private takeUnnumbered(id: Identity, place: Place, chunk: Chunk<P>, payload: P): Step<P> {
    const { sender } = chunk
    if (id.index === 1) this.endUnnumbered(sender)
    const gathering = id.index === 1 ? this.gatherings.begin(sender, undefined, id.count) : sender.unnumbered
    const due = gathering === undefined ? 1 : gathering.byIndex.size + 1
    const repeats = id.index > 1 && id.index === due - 1
    if (gathering === undefined || gathering.count !== id.count || (id.index !== due && !repeats)) {
      if (gathering !== undefined) this.gatherings.drop(sender, gathering, "conflict")
      return refused(
        "chunk-conflict",
        `chunk ${id.index}/${id.count} of ${quoted(id.source)} came without the chunks before it; without k2p-round they must come in order`
      )
    }
    this.gatherings.add(gathering, id.index, chunk, payload, false)
    if (gathering.byIndex.size < id.count) return { _tag: "Gathering", stale: false }
    const completed = this.complete(gathering, place)
    this.gatherings.drop(sender, gathering, "unfinished")
    return accepted(id, completed)
  }

  /** Another round came: chunks that are still to come would complete one that began before it. */
  private endUnnumbered(sender: Sender<P> | undefined): void {
    if (sender?.unnumbered !== undefined) this.gatherings.drop(sender, sender.unnumbered, "superseded")
  }

  private complete(gathering: Gathering<P>, place: Place): Completed<P> {
    const completed = { offset: place.offset, ...this.gatherings.complete(gathering) }
    // Not what came with it: the round would stay in memory until it is committed.
    this.spans.push({ first: completed.first, offset: completed.offset })
    if (this.spans.length > maxSpans) this.spans.shift()
    return completed
  }

  private decide(source: Remembered, id: Identity, round: Completed<P>): Step<P> {
    const { offset, first, parts } = round
    const reason = this.versions.remembering(source, (memory) => memory.arrive({ ...id.number!, offset, first }))
    if (reason !== undefined) return { _tag: "Ignored", reason }
    // Chunks that made it complete before were handed out then: a repetition, though its version is forgotten.
    if (parts.length < id.count) return { _tag: "Ignored", reason: "repeated" }
    return source.refusedAt >= this.bounds.kept() ? { _tag: "Ignored", reason: "newcomer" } : accepted(id, round)
  }

  /** Drops a source's lowest rounds for as long as they are meant. Answers their lowest offset. */
  private upTo(sender: Sender<P> | undefined, meant: (number: RoundNumber) => boolean, cause: GivenUp): number {
    let first = Number.POSITIVE_INFINITY
    for (;;) {
      const lowest = sender?.rounds.tail?.item
      if (lowest === undefined || !meant(lowest.number!)) return first
      first = Math.min(first, lowest.chunks.head!.item.offset)
      this.gatherings.drop(sender!, lowest, cause)
    }
  }
}

type Completed<P> = Omit<Round<P>, "source" | "number">

const accepted = <P>({ source, number }: Identity, { offset, first, parts }: Completed<P>): Step<P> => ({
  _tag: "Accepted",
  round: { source, number, parts, first, offset }
})

const refused = (reason: RefusalReason, detail: string, chunk = { gathers: false, stale: false }): Step<never> => ({
  _tag: "Refused",
  refusal: refusal(reason, detail),
  ...chunk
})
