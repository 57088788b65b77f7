/**
 * Tapped: what a partition's tap is still to be told, in order. There is one where somebody taps, and only then. It holds the memory of
 * the rounds that wait, on loan; the processor stops taking records while something waits, so that is one round and what it replaced, and
 * the sources that went meanwhile.
 */
import { Effect } from "effect"
import type { Loan } from "../../Loan.ts"
import type { TopicPartition } from "../../transport/Transport.ts"
import { type Changes, changesOf, samples } from "../tap/Samples.ts"
import type { AcceptedRound, GoneSource, Tap } from "../tap/Tap.ts"
import type { Dump } from "../text/Dump.ts"
import type { Part } from "./RoundReader.ts"
import { type SourceContent, versionOf } from "./SourceContent.ts"

interface Waiting {
  readonly tell: (tap: Tap["Service"]) => Effect.Effect<void, unknown>
  readonly end: () => void
}

/** A dump that is made when it is asked for, as long as its bytes are there. */
class Lent {
  private readonly make: () => Dump
  private dump: Dump | undefined
  private ended = false

  constructor(make: () => Dump) {
    this.make = make
  }

  get(): Dump {
    if (this.ended)
      throw new Error("the dumps of a round are good only while it is told: keep copies (docs/extending.md)")
    this.dump ??= this.make()
    return this.dump
  }

  end(): void {
    this.ended = true
    this.dump = undefined
  }
}

export class Tapped {
  private readonly tp: TopicPartition
  private readonly toldBefore: number
  private readonly read: (parts: ReadonlyArray<Part>) => Dump
  private readonly waiting: Array<Waiting> = []
  private closed = false

  /** `toldBefore`: C when the incarnation began. `read`: what records of samples bring. */
  constructor(tp: TopicPartition, toldBefore: number, read: (parts: ReadonlyArray<Part>) => Dump) {
    this.tp = tp
    this.toldBefore = toldBefore
    this.read = read
  }

  get waits(): boolean {
    return this.waiting.length > 0
  }

  /** Before the content takes the place of the one before. `parts`: of samples. */
  accepted(
    source: string,
    before: SourceContent | undefined,
    content: SourceContent,
    parts: ReadonlyArray<Part>
  ): void {
    const { shown, stamp, time } = content
    const loans: Array<Loan> = []
    const was = shown.mode === "snapshot" && before?.shown.mode === "snapshot" ? before.shown : undefined
    if (shown.mode === "snapshot") loans.push(shown.loan.hold())
    if (was !== undefined) loans.push(was.loan.hold())
    const dump = new Lent(() => (shown.mode === "snapshot" ? shown.dump : this.read(parts)))
    const earlier = was === undefined ? undefined : new Lent(() => was.dump)
    const round: AcceptedRound = {
      tp: this.tp,
      offset: stamp.offset,
      source,
      version: versionOf(content),
      mode: shown.mode,
      time,
      replay: stamp.offset < this.toldBefore,
      get dump() {
        return dump.get()
      },
      get before() {
        return earlier?.get()
      },
      changes: (): Changes =>
        earlier === undefined ? { changed: [...samples(dump.get())], went: [] } : changesOf(dump.get(), earlier.get())
    }
    this.waiting.push({
      tell: (tap) => tap.round(round),
      end: () => {
        dump.end()
        earlier?.end()
        for (const loan of loans) loan.giveBack()
      }
    })
  }

  gone(source: string, content: SourceContent): void {
    if (this.closed) return
    const { offset } = content.stamp
    const gone: GoneSource = { tp: this.tp, source, offset, version: versionOf(content), time: content.time }
    this.waiting.push({ tell: (tap) => tap.gone?.(gone) ?? Effect.void, end: () => {} })
  }

  /** What is to be told first; undefined where nothing waits. It waits until `told`. */
  first(): Waiting["tell"] | undefined {
    return this.waiting[0]?.tell
  }

  /** The first one was. */
  told(): void {
    this.waiting.shift()?.end()
  }

  /** Nothing more is told: the partition is another owner's. */
  close(): void {
    this.closed = true
    for (const { end } of this.waiting.splice(0)) end()
  }
}
