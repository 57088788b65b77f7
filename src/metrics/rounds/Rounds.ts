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
 *  - Of at most `maxSources` sources something is remembered. At the bound a newcomer is refused, nobody is forgotten; and who comes
 *    anew until that refusal is settled may have been refused: it is remembered, and shown only then.
 *
 * What a round contains is not looked at: a round whose content is refused later still counts as accepted here.
 */
import type { Refusal, RefusalReason } from "../text/Dump.ts"
import { type Gathering, Gatherings, type GivenUp, type Place } from "./Gathering.ts"
import { type Identity, quoted, type RoundNumber, refusal } from "./Record.ts"
import { type Bounds, compareRounds, type IgnoredReason, VersionMemory } from "./VersionMemory.ts"

export interface RoundsOptions {
  readonly gatherBytes: number
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
  | { readonly _tag: "Refused"; readonly refusal: Refusal }

interface Source<P> {
  readonly memory: VersionMemory
  /** It came after this offset at which a newcomer was refused: it may have been that one. */
  readonly refusedAt: number
  numbered: ReadonlyArray<Gathering<P>>
  unnumbered: Gathering<P> | undefined
}

/** An owner that commits once a second never has as many. Beyond it a commit may pass a chunk, which `lowest()` still covers. */
const maxSpans = 4096

export class Rounds<P> {
  private readonly options: RoundsOptions
  private readonly bounds: Bounds
  private readonly gatherings: Gatherings<P>
  /** Where a newcomer was refused last. */
  private fullAt = -1
  private readonly sources = new Map<string, Source<P>>()
  /** Rounds of several chunks that were completed after what was last asked to be committed, in order. */
  private spans: Array<{ readonly first: number; readonly offset: number }> = []

  constructor(options: RoundsOptions, bounds: Bounds) {
    this.options = options
    this.bounds = bounds
    this.gatherings = new Gatherings(options.gatherBytes, bounds.kept)
  }

  /** Chunks given up so far, by cause. */
  get givenUp(): Readonly<Record<GivenUp, number>> {
    return this.gatherings.givenUp
  }

  /** A record that was dropped unseen among others, from `from` on. `readable`: whoever reads it takes it for what its identity says. */
  skip(id: Identity, place: Place, from: number, readable: boolean): void {
    this.endUnnumbered(this.sources.get(id.source))
    if (id.number === undefined) return
    const { number } = id
    const source = this.touch(id.source, place.offset)
    if (source === undefined) return
    // With the chunks that came before it the round may be complete for others; so may be an older one by what was dropped with it.
    // Here neither can be: what was dropped may have taken the chunks' place, under another count.
    const begun = source.numbered.filter((g) => compareRounds(g.number!, number) <= 0)
    const chunks = begun.flatMap((g) => [...g.chunks.values()])
    const whole = readable && id.count === 1
    const first = chunks.reduce((lowest, chunk) => Math.min(lowest, chunk.offset), whole ? place.offset : from)
    for (const g of begun) this.gatherings.drop(g, "unfinished")
    source.numbered = source.numbered.filter((g) => !begun.includes(g))
    source.memory.skip({ ...number, ...place, first: whole ? place.offset : first }, whole)
  }

  /** A record that is a whole round without a number, as `take` does: it is accepted, whatever it holds. */
  single(source: string): void {
    if (this.sources.size > 0) this.endUnnumbered(this.sources.get(source))
  }

  take(id: Identity, place: Place, bytes: number, payload: P): Step<P> {
    if (id.count > 1) this.gatherings.weigh(bytes)
    if (id.number === undefined && id.count === 1) {
      this.endUnnumbered(this.sources.get(id.source))
      return accepted(id, { ...place, parts: [payload], first: place.offset })
    }
    const source = this.touch(id.source, place.offset)
    if (source === undefined)
      return refused(
        "too-many-sources",
        `the rounds of ${this.options.maxSources} sources of the partition are remembered already; ${quoted(id.source)} is new`
      )
    return id.number === undefined
      ? this.takeUnnumbered(source, id, place, payload)
      : this.takeNumbered(source, id, id.number, place, payload)
  }

  /** C: the first chunk of a round that was unfinished at `position` and may still be accepted, or was. At most `position`. */
  committable(position: number): number {
    this.spans = this.spans.filter((span) => span.offset >= position)
    const first = this.spans.reduce((lowest, span) => Math.min(lowest, span.first), position)
    return this.gatherings.first(
      first,
      ({ source, number }) => number === undefined || this.sources.get(source)?.memory.blocks(number) !== true
    )
  }

  /** Nothing late can follow what lies before it: unfinished rounds are given up. For an owner that is past its fence. */
  settle(settled: number): void {
    this.gatherings.settle(settled)
  }

  /** L as far as decisions go: from here on a new owner must read to decide later records. Linear in the sources. */
  lowest(position: number): number {
    let lowest = this.gatherings.first(position, () => true)
    if (this.fullAt >= this.bounds.settled()) lowest = Math.min(lowest, this.fullAt)
    for (const [id, source] of this.sources) {
      lowest = Math.min(lowest, source.memory.lowest())
      source.numbered = source.numbered.filter((g) => this.gatherings.anyAlive(g))
      if (source.unnumbered !== undefined && !this.gatherings.anyAlive(source.unnumbered)) source.unnumbered = undefined
      if (source.memory.empty && source.numbered.length === 0 && source.unnumbered === undefined)
        this.sources.delete(id)
    }
    return lowest
  }

  private takeNumbered(source: Source<P>, id: Identity, number: RoundNumber, place: Place, payload: P): Step<P> {
    this.endUnnumbered(source)
    this.supersede(source, number)
    const lost = this.dropOtherCounts(source, number, id.count)
    if (id.count === 1) return this.decide(source, id, { ...place, parts: [payload], first: place.offset })

    let gathering = source.numbered.find((g) => compareRounds(g.number!, number) === 0)
    if (gathering === undefined) {
      gathering = { number, count: id.count, chunks: new Map() }
      source.numbered = [...source.numbered, gathering]
    }
    this.gatherings.add(gathering, id.index, id.source, place, payload)
    if (gathering.chunks.size === id.count) this.gatherings.dropDead(gathering)
    if (gathering.chunks.size === id.count) return this.decide(source, id, this.complete(gathering, place))
    if (lost > 0)
      return refused(
        "chunk-conflict",
        `chunk ${id.index}/${id.count} of round ${number.epoch}.${number.round} of ${quoted(id.source)}: chunks before it named another count; ${lost} of those are thrown away`
      )
    return { _tag: "Gathering", stale: source.memory.blocks(number) }
  }

  private takeUnnumbered(source: Source<P>, id: Identity, place: Place, payload: P): Step<P> {
    let gathering = source.unnumbered
    if (gathering !== undefined && (id.index === 1 || !this.gatherings.allAlive(gathering))) {
      this.gatherings.drop(gathering, id.index === 1 ? "superseded" : "unfinished")
      gathering = undefined
    }
    if (id.index === 1) gathering = { number: undefined, count: id.count, chunks: new Map() }
    source.unnumbered = gathering
    const due = gathering === undefined ? 1 : gathering.chunks.size + 1
    const repeats = id.index > 1 && id.index === due - 1
    if (gathering === undefined || gathering.count !== id.count || (id.index !== due && !repeats)) {
      if (gathering !== undefined) this.gatherings.drop(gathering, "conflict")
      source.unnumbered = undefined
      return refused(
        "chunk-conflict",
        `chunk ${id.index}/${id.count} of ${quoted(id.source)} came without the chunks before it; without k2p-round they must come in order`
      )
    }
    this.gatherings.add(gathering, id.index, id.source, place, payload)
    if (gathering.chunks.size < id.count) return { _tag: "Gathering", stale: false }
    source.unnumbered = undefined
    return accepted(id, this.complete(gathering, place))
  }

  /** Another round came: chunks that are still to come would complete one that began before it. */
  private endUnnumbered(source: Source<P> | undefined): void {
    if (source?.unnumbered === undefined) return
    this.gatherings.drop(source.unnumbered, "superseded")
    source.unnumbered = undefined
  }

  private complete(gathering: Gathering<P>, place: Place): Completed<P> {
    const completed = { offset: place.offset, ...this.gatherings.complete(gathering) }
    this.spans.push(completed)
    if (this.spans.length > maxSpans) this.spans.shift()
    return completed
  }

  private decide(source: Source<P>, id: Identity, round: Completed<P>): Step<P> {
    const { offset, first, parts } = round
    const reason = source.memory.arrive({ ...id.number!, offset, first })
    if (reason !== undefined) return { _tag: "Ignored", reason }
    // Chunks that made it complete before were handed out then: a repetition, though its version is forgotten.
    if (parts.length < id.count) return { _tag: "Ignored", reason: "repeated" }
    return source.refusedAt >= this.bounds.kept() ? { _tag: "Ignored", reason: "newcomer" } : accepted(id, round)
  }

  private supersede(source: Source<P>, by: RoundNumber): void {
    if (source.numbered.length === 0) return
    source.numbered = source.numbered.filter((g) => {
      const stays = compareRounds(g.number!, by) >= 0
      if (!stays) this.gatherings.drop(g, "superseded")
      return stays
    })
  }

  /** How many live chunks of the round were thrown away because they named another count. */
  private dropOtherCounts(source: Source<P>, number: RoundNumber, count: number): number {
    const other = source.numbered.find((g) => g.count !== count && compareRounds(g.number!, number) === 0)
    if (other === undefined) return 0
    source.numbered = source.numbered.filter((g) => g !== other)
    this.gatherings.dropDead(other)
    return this.gatherings.drop(other, "conflict")
  }

  /** Undefined where there is no room for a newcomer. */
  private touch(id: string, offset: number): Source<P> | undefined {
    const { sources, options } = this
    const known = sources.get(id)
    if (known !== undefined) return known
    if (sources.size >= options.maxSources) {
      this.fullAt = offset
      return undefined
    }
    const source: Source<P> = {
      memory: new VersionMemory(this.bounds),
      refusedAt: this.fullAt,
      numbered: [],
      unnumbered: undefined
    }
    sources.set(id, source)
    return source
  }
}

type Completed<P> = Omit<Round<P>, "source" | "number">

const accepted = <P>({ source, number }: Identity, { offset, first, parts }: Completed<P>): Step<P> => ({
  _tag: "Accepted",
  round: { source, number, parts, first, offset }
})

const refused = (reason: RefusalReason, detail: string): Step<never> => ({
  _tag: "Refused",
  refusal: refusal(reason, detail)
})
