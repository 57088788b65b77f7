/** Rounds: mutants of rule 8: which rounds are accepted, and that a replay decides alike. */
import { Effect } from "effect"
import type { Repeats } from "../../../src/metrics/read/Distinct.ts"
import { FIELDS, HAS_TIME, MISC } from "../../../src/metrics/read/LineRecord.ts"
import type { Reading } from "../../../src/metrics/read/Reading.ts"
import type { RoundNumber } from "../../../src/metrics/rounds/Record.ts"
import { simExpiry } from "../../../src/testing/simulation/SimPod.ts"
import type { LogRecord } from "../../../src/transport/Transport.ts"
import { type Mutant, overClient, patching, replacing } from "./Mutant.ts"
import { droppedAndMoved, endsAndRepeats, olderEpoch, silentAndMoved, telling, widest } from "./Stories.ts"

interface Seen extends RoundNumber {
  readonly offset: number
}

interface Memory {
  seen: ReadonlyArray<Seen>
}

interface Cache {
  readonly rounds: { readonly versions: { readonly sources: Map<string, { readonly memory: Memory }> } }
  heard?: Map<string, number>
}

const memory = (change: (prototype: Parameters<Parameters<typeof patching>[1]>[0]) => void): Disposable =>
  patching("metrics/rounds/VersionMemory", change)

export const roundsMutants: ReadonlyArray<Mutant> = [
  {
    rule: "P7 unreadable batches",
    breaks: "a batch that nobody can read is taken for what failed here, and tried again",
    found: "healing",
    often: ["unreadable"],
    parts: {
      transport: overClient((c) => ({
        ...c,
        fetch: (node, requests, options) =>
          Effect.map(c.fetch(node, requests, options), (answer) =>
            answer.map((f) =>
              f.unreadable === undefined ? f : { ...f, next: f.from, records: [], unreadable: [], error: "LOCAL" }
            )
          )
      }))
    }
  },
  {
    rule: "8 rounds are numbered",
    breaks: "a round that is not newer is accepted",
    found: "older",
    modules: () => [
      memory((prototype) => {
        prototype.arrive = () => undefined
      })
    ]
  },
  {
    rule: "8 rounds are numbered",
    breaks: "a round of an epoch before is accepted",
    found: "older",
    histories: telling(olderEpoch),
    modules: () => [
      memory((prototype) => {
        const arrive = prototype.arrive as (this: Memory, round: RoundNumber) => unknown
        prototype.arrive = function (this: Memory, round: RoundNumber) {
          const { seen } = this
          this.seen = seen.filter((s) => s.epoch === round.epoch)
          return arrive.call(this, round)
        } as never
      })
    ]
  },
  {
    rule: "8 rounds are numbered",
    breaks: "versions are forgotten with their source's expiry",
    found: "older",
    often: ["lateEcho"],
    modules: () => [replacing("metrics/rounds/VersionMemory", { memorySpan: () => (expiry: number) => expiry })]
  },
  {
    rule: "8 rounds are numbered",
    breaks: "versions are forgotten when their source says that it has ended",
    found: "older",
    histories: telling(endsAndRepeats),
    modules: () => [
      patching("metrics/cache/PartitionCache", (prototype) => {
        interface Round {
          readonly source: string
          readonly parts: ReadonlyArray<{ readonly envelope: { readonly ended: boolean } }>
        }
        const accept = prototype.accept as (round: Round, ...rest: ReadonlyArray<unknown>) => void
        prototype.accept = function (this: Cache, round: Round, ...rest: ReadonlyArray<unknown>) {
          accept.call(this, round, ...rest)
          if (round.parts[0]!.envelope.ended) this.rounds.versions.sources.delete(round.source)
        } as never
      })
    ]
  },
  {
    rule: "P7 a line is judged by its record",
    breaks: "of two lines of one series the one stays that the pod has read before",
    found: "older",
    modules: () => [
      replacing("metrics/read/Distinct", {
        // As if the timestamp of a line that is known were the latest.
        Repeats: (Real: typeof Repeats) =>
          class extends Real {
            private readonly marked: Reading
            private readonly lines: ReadonlyArray<number>
            constructor(...[reading, ...rest]: ConstructorParameters<typeof Repeats>) {
              super(reading, ...rest)
              this.marked = reading
              this.lines = Array.from({ length: reading.count }, (_, n) => n).filter((n) => reading.known[n]! >= 0)
              for (const n of this.lines) {
                reading.records[n * FIELDS + MISC]! |= HAS_TIME
                reading.stamps[n] = Number.POSITIVE_INFINITY
              }
            }
            override again(from: number, to: number): void {
              super.again(from, to)
              if (to !== this.marked.count) return
              for (const n of this.lines) this.marked.records[n * FIELDS + MISC]! &= ~HAS_TIME
            }
          }
      })
    ]
  },
  {
    rule: "8 chunks by round",
    breaks: "chunks of different rounds make one round",
    found: "torn",
    often: ["reorder", "partialRound"],
    modules: () => [
      replacing("metrics/rounds/VersionMemory", {
        compareRounds: () => (a: RoundNumber, b: RoundNumber) => a.epoch - b.epoch
      })
    ]
  },
  {
    rule: "8 C and unfinished rounds",
    breaks: "an unfinished round does not hold C back",
    found: "committed unseen",
    histories: (made) => ({ ...made, commit: "scraped", backpressure: "pause" }),
    modules: () => [
      patching("metrics/cache/PartitionCache", (prototype) => {
        prototype.committable = ((position: number) => position) as never
      })
    ]
  },
  {
    rule: "8 decisions replay",
    breaks: "a new owner reads from what is shown only, not from what was ignored",
    found: "older",
    histories: telling(silentAndMoved),
    modules: () => [
      memory((prototype) => {
        prototype.lowest = () => Number.POSITIVE_INFINITY
      })
    ]
  },
  {
    rule: "8 decisions replay",
    breaks: "a chunk that was dropped unseen is taken for a whole round",
    found: "older",
    histories: telling(droppedAndMoved, { backpressure: "pause" }),
    modules: () => [
      memory((prototype) => {
        const skip = prototype.skip as (this: Memory, round: RoundNumber, whole: boolean) => void
        prototype.skip = function (this: Memory, round: RoundNumber) {
          skip.call(this, round, true)
        } as never
      })
    ]
  },
  {
    rule: "8 decisions replay",
    breaks: "a round that this pod's limits refuse does not count as seen",
    found: "older",
    histories: telling(widest, { mixedLimits: true }),
    modules: () => [
      patching("metrics/cache/PartitionCache", (prototype) => {
        type Refuse = (why: unknown, source: string | undefined, stamp: Pick<Seen, "offset">, now: unknown) => void
        const refuse = prototype.refuse as Refuse
        prototype.refuse = function (this: Cache, why, source, stamp, now) {
          refuse.call(this, why, source, stamp, now)
          const known = this.rounds.versions.sources.get(source ?? "")?.memory
          if (known !== undefined) known.seen = known.seen.filter((s) => s.offset !== stamp.offset)
        } as Refuse as never
      })
    ]
  },
  {
    rule: "8 decisions replay",
    breaks: "the pod's clock decides: what fell silent is forgotten",
    found: "older",
    often: ["lateEcho"],
    modules: () => [
      patching("metrics/cache/PartitionCache", (prototype) => {
        type Take = (record: LogRecord, fence: number, now: { readonly wall: number }) => void
        const take = prototype.take as Take
        prototype.take = function (this: Cache, record, fence, now) {
          const source = Buffer.from(record.key ?? []).toString()
          this.heard ??= new Map()
          if (now.wall - (this.heard.get(source) ?? now.wall) > simExpiry) this.rounds.versions.sources.delete(source)
          this.heard.set(source, now.wall)
          take.call(this, record, fence, now)
        } as Take as never
      })
    ]
  }
]
