/**
 * Rounds: which records of a partition make a complete round, and whether it is accepted (rule 8 of the handoff). Pure.
 *
 * Everything is decided by the log alone: content, order and record timestamps. Stronger: by the records from `lowest()`
 * on, so that an owner that starts there (or anywhere before) decides every later record as this one does. The rules:
 *  - A numbered round is complete with the record after which a live copy of each of its chunks is there (see Gathering).
 *    Copies may come in any order and repeat; the latest counts. VersionMemory says whether it is accepted.
 *  - A newer round's chunk supersedes the chunks of older rounds before it. Another chunk count for the same round takes
 *    the place of what was gathered under the old count, and is refused where it did.
 *  - Records without a number are ordered by offset: chunks 1..n must come in order with no other round between them, each
 *    complete round is accepted.
 *    They neither know nor change the numbered rounds' memory: a source that mixes both shows what came last.
 *  - Of at most `maxSources` sources the memory is kept, the latest seen; losing one is counted.
 *
 * What a round contains is not looked at: a round whose content is refused later still counts as accepted here.
 */
import type { Refusal } from "./Dump.ts"
import { type Gathering, Gatherings, type GivenUp, type Place } from "./Gathering.ts"
import { LogClock } from "./LogClock.ts"
import { type Identity, quoted, type RoundNumber, refusal } from "./Record.ts"
import { compareRounds, type IgnoredReason, type Stretch, VersionMemory } from "./VersionMemory.ts"

export interface RoundsOptions {
  readonly expiry: number
  readonly gatherBytes: number
  readonly maxSources: number
}

export interface Round<P> extends Place {
  readonly source: string
  readonly number: RoundNumber | undefined
  /** One a chunk, by index. */
  readonly parts: ReadonlyArray<P>
  /** The lowest offset of its chunks; `offset` is the completing record's, `timestamp` the newest. */
  readonly first: number
}

export type Step<P> =
  | { readonly _tag: "Accepted"; readonly round: Round<P> }
  | { readonly _tag: "Ignored"; readonly reason: IgnoredReason }
  /** A chunk of an unfinished round. `stale`: as things are the round would be ignored. */
  | { readonly _tag: "Gathering"; readonly stale: boolean }
  | { readonly _tag: "Refused"; readonly refusal: Refusal }

interface Source<P> {
  readonly memory: VersionMemory
  numbered: ReadonlyArray<Gathering<P>>
  unnumbered: Gathering<P> | undefined
}

/** An owner that commits once a second never has as many. Beyond it a commit may pass a chunk, which `lowest()` still covers. */
const maxSpans = 4096

export class Rounds<P> {
  /** Sources whose memory was lost to `maxSources`. */
  forgotten = 0
  private readonly options: RoundsOptions
  private readonly clock = new LogClock()
  private readonly gatherings: Gatherings<P>
  /** In the order in which they were last seen. */
  private readonly sources = new Map<string, Source<P>>()
  /** Rounds of several chunks that were completed after what was last asked to be committed, in order. */
  private spans: Array<{ readonly first: number; readonly offset: number }> = []

  constructor(options: RoundsOptions) {
    this.options = options
    this.gatherings = new Gatherings(this.clock, options.expiry, options.gatherBytes)
  }

  /** Chunks given up so far, by cause. */
  get givenUp(): Readonly<Record<GivenUp, number>> {
    return this.gatherings.givenUp
  }

  /** A record without a round: a refused one. Its timestamp counts. */
  pass(place: Place): void {
    this.clock.tick(place.offset, place.timestamp)
  }

  /** A record that was dropped unseen in a stretch. `readable`: whoever reads it takes it for what its identity says. */
  skip(id: Identity, place: Place, stretch: Stretch, readable = true): void {
    this.pass(place)
    this.endUnnumbered(this.sources.get(id.source))
    if (id.number === undefined) return
    const { number } = id
    const source = this.touch(id.source)
    // With the chunks that came before it the round may be complete for others; so may be an older one by what was dropped with it.
    // Here neither can be: what was dropped may have taken the chunks' place, under another count.
    const begun = source.numbered.filter((g) => compareRounds(g.number!, number) <= 0)
    const chunks = begun.flatMap((g) => [...g.chunks.values()])
    const first = chunks.reduce((lowest, chunk) => Math.min(lowest, chunk.offset), place.offset)
    for (const g of begun) this.gatherings.drop(g, "unfinished")
    source.numbered = source.numbered.filter((g) => !begun.includes(g))
    source.memory.skip({ ...number, ...place, first }, readable && id.count === 1, stretch)
  }

  /** A record that is a whole round without a number, as `take` does: it is accepted, whatever it holds. */
  single(source: string, offset: number, timestamp: number): void {
    this.clock.tick(offset, timestamp)
    if (this.sources.size > 0) this.overtake(this.sources.get(source))
  }

  take(id: Identity, place: Place, bytes: number, payload: P): Step<P> {
    this.pass(place)
    if (id.count > 1) this.gatherings.weigh(bytes)
    return id.number === undefined
      ? this.takeUnnumbered(id, place, payload)
      : this.takeNumbered(id, id.number, place, payload)
  }

  /** C: the first chunk of a round that was unfinished at `position` and may still be accepted, or was. At most `position`. */
  committable(position: number): number {
    this.spans = this.spans.filter((span) => span.offset >= position)
    const first = this.spans.reduce((lowest, span) => Math.min(lowest, span.first), position)
    return this.gatherings.first(
      first,
      ({ source, number, timestamp }) =>
        number === undefined || this.sources.get(source)?.memory.blocks(number, timestamp) !== true
    )
  }

  /** L as far as decisions go: from here on a new owner must read to decide later records alike. Linear in the sources. */
  lowest(position: number): number {
    let lowest = this.gatherings.first(position, () => true)
    for (const [id, source] of this.sources) {
      lowest = Math.min(lowest, source.memory.lowest())
      source.numbered = source.numbered.filter((g) => this.gatherings.anyAlive(g))
      if (source.unnumbered !== undefined && !this.gatherings.anyAlive(source.unnumbered)) source.unnumbered = undefined
      if (source.memory.empty && source.numbered.length === 0 && source.unnumbered === undefined)
        this.sources.delete(id)
    }
    return lowest
  }

  private takeNumbered(id: Identity, number: RoundNumber, place: Place, payload: P): Step<P> {
    const source = this.touch(id.source)
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
        `chunk ${id.index}/${id.count} of round ${number.epoch}.${number.round} of ${quoted(id.source)}: chunks before it named another count; ${lost} of those are thrown away`
      )
    return { _tag: "Gathering", stale: source.memory.blocks(number, place.timestamp) }
  }

  private takeUnnumbered(id: Identity, place: Place, payload: P): Step<P> {
    if (id.count === 1) {
      this.overtake(this.sources.get(id.source))
      return accepted(id, { ...place, parts: [payload], first: place.offset })
    }
    const source = this.touch(id.source)
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
        `chunk ${id.index}/${id.count} of ${quoted(id.source)} came without the chunks before it; without k2p-round they must come in order`
      )
    }
    this.gatherings.add(gathering, id.index, id.source, place, payload)
    if (gathering.chunks.size < id.count) return { _tag: "Gathering", stale: false }
    source.unnumbered = undefined
    source.memory.overtaken()
    return accepted(id, this.complete(gathering, place))
  }

  /** By a whole round without a number. */
  private overtake(source: Source<P> | undefined): void {
    if (source === undefined) return
    source.memory.overtaken()
    this.endUnnumbered(source)
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
    const { offset, timestamp, first } = round
    const reason = source.memory.arrive({ ...id.number!, offset, timestamp, first })
    return reason === undefined ? accepted(id, round) : { _tag: "Ignored", reason }
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

  private touch(id: string): Source<P> {
    const { sources, options } = this
    let source = sources.get(id)
    if (source !== undefined) sources.delete(id)
    else source = { memory: new VersionMemory(this.clock, options.expiry), numbered: [], unnumbered: undefined }
    sources.set(id, source)
    if (sources.size > options.maxSources) this.forget(sources.keys().next().value!)
    return source
  }

  private forget(id: string): void {
    const source = this.sources.get(id)!
    this.sources.delete(id)
    for (const gathering of source.numbered) this.gatherings.drop(gathering, "forgotten")
    if (source.unnumbered !== undefined) this.gatherings.drop(source.unnumbered, "forgotten")
    if (!source.memory.empty) this.forgotten++
  }
}

type Completed<P> = Omit<Round<P>, "source" | "number">

const accepted = <P>({ source, number }: Identity, { offset, timestamp, first, parts }: Completed<P>): Step<P> => ({
  _tag: "Accepted",
  round: { source, number, parts, first, offset, timestamp }
})

const refused = (detail: string): Step<never> => ({ _tag: "Refused", refusal: refusal("chunk-conflict", detail) })
