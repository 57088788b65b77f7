/**
 * SimAgent: what the agents of all sources send. The n-th dump of a source carries the value n in two series that must always
 * agree; some sources send numbered rounds whole, some in two chunks, some plain records without any header, as kcat does.
 */
import { Effect } from "effect"
import { type Placement, placing } from "../../transport/Placement.ts"
import type { OutgoingRecord, Producer } from "../../transport/Transport.ts"
import type { Subject } from "../Subject.ts"
import { simExpiry } from "./SimPod.ts"

export const topic = "metrics"
const text = (s: string): Uint8Array => Buffer.from(s)

export type Kind = "whole" | "chunked" | "plain"

/** How a producer places a plain source: `fnv1a` is Sarama's way, `hand` one fixed partition whatever grows. */
export type Partitioner = Placement | "fnv1a" | "hand"

const fnv1a = (key: Uint8Array): number => {
  let hash = 0x811c9dc5
  for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

const hashes = { ...placing, fnv1a }

/** Who hears of what is sent: before it is sent, and once it is in the log. */
export interface Hearer {
  readonly sending: (source: SimSource) => void
  /** `whole`: a round that every pod accepts. Else the source ended, or what may be refused takes the round before it along (rule 2). */
  readonly sent: (source: SimSource, whole: boolean, records: number) => void
}

interface Sent {
  readonly at: number
  readonly epoch: number
  readonly records: ReadonlyArray<OutgoingRecord>
}

/** Beyond what pods with stricter limits accept. */
const pad = `{pad="${"x".repeat(150)}"}`

export interface SourceOptions {
  readonly index: number
  readonly partition: number
  /** Ms between its dumps. */
  readonly every: number
  /** Wall clock, ms. */
  readonly now: number
  readonly hearer: Hearer
  /** Ms since the start. */
  readonly clock: () => number
  /** Undefined: one of each in turn. */
  readonly kind: Kind | undefined
  readonly partitioner: Partitioner
  /** Instead of metrics: then it is a plain one. */
  readonly says: Subject<unknown>["says"] | undefined
}

export class SimSource {
  readonly name: string
  private readonly fixed: number
  /** Where its producer places it by its key: the partitions that the producer knows of. */
  private counted: number | undefined
  readonly kind: Kind
  private readonly partitioner: Partitioner
  value = 0
  silentUntil = -1
  wideUntil = -1
  /** How many expiries an older round may come after a newer one. */
  lateness = 1.8
  /** Ms between its dumps. */
  readonly every: number
  private epoch: number
  private round = 0
  private clockBy = 0
  private lastSent = 0
  private readonly sent: Array<Sent> = []
  private readonly hearer: Hearer
  private readonly clock: () => number
  private readonly says: SourceOptions["says"]

  constructor({ index, partition, every, now, hearer, clock, kind, partitioner, says }: SourceOptions) {
    this.name = `s${index}`
    this.fixed = partition
    this.kind = says === undefined ? (kind ?? (["whole", "chunked", "plain"] as const)[index % 3]!) : "plain"
    this.partitioner = partitioner
    this.epoch = now
    this.hearer = hearer
    this.clock = clock
    this.every = every
    this.says = says
  }

  get partition(): number {
    return this.counted === undefined ? this.fixed : this.homeAmong(this.counted)
  }

  homeAmong(partitions: number): number {
    return this.partitioner === "hand" ? this.fixed : hashes[this.partitioner](text(this.name)) % partitions
  }

  /** From here on it is placed by its key among so many partitions, as a producer does that believes in them. */
  placeAmong(partitions: number): void {
    this.counted = partitions
  }

  get series(): ReadonlyArray<string> {
    return [`${this.name}/v`, `${this.name}/w`]
  }

  private record(body: string | null, headers: Record<string, string>): OutgoingRecord {
    return {
      topic,
      partition: this.partition,
      key: text(this.name),
      value: body === null ? null : text(body),
      headers: Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, text(v)]))
    }
  }

  private said(says: Subject<unknown>["says"]): OutgoingRecord {
    return { ...this.record(null, {}), ...says(this.name, this.value) }
  }

  private numbered(body: string | null, now: number, chunk: string): OutgoingRecord {
    return this.record(body, {
      "k2p-source": this.name,
      "k2p-round": `${this.epoch}.${this.round}`,
      "k2p-chunk": chunk,
      "k2p-time": String(now + this.clockBy)
    })
  }

  /** The records of the next dump. */
  private next(now: number, labels = ""): ReadonlyArray<OutgoingRecord> {
    this.value += 1
    this.round += 1
    this.hearer.sending(this)
    const v = `# TYPE v gauge\n${this.kind === "whole" && labels === "" ? this.sloppy() : `v${labels} ${this.value}\n`}`
    const w = `# TYPE w gauge\nw${labels} ${this.value}\n`
    const records =
      this.kind === "plain"
        ? [this.says === undefined ? this.record(v + w, {}) : this.said(this.says)]
        : this.kind === "whole"
          ? [this.numbered(v + w, now, "1/1")]
          : [this.numbered(v, now, "1/2"), this.numbered(w, now, "2/2")]
    this.sent.push({ at: now, epoch: this.epoch, records })
    if (this.sent.length > 20) this.sent.shift()
    this.lastSent = now
    return records
  }

  /**
   * The series twice, spelled in two ways that change places from round to round, the second time with an older value; and a line
   * that nobody can read.
   */
  private sloppy(): string {
    const spellings = ['{x="1",y="2"}', '{y="2",x="1"}']
    const [first, second] = this.round % 2 === 0 ? spellings : spellings.toReversed()
    return `v${first} ${this.value}\nv${second} ${Math.max(0, this.value - 3)}\nv{ oops\n`
  }

  private readonly send = (producer: Producer, records: ReadonlyArray<OutgoingRecord>) =>
    producer.produce(records).pipe(Effect.orDie)

  private readonly sendWhole = (producer: Producer, records: ReadonlyArray<OutgoingRecord>) =>
    Effect.tap(this.send(producer, records), () => Effect.sync(() => this.hearer.sent(this, true, records.length)))

  /** `wide`: accepted by most pods, refused by those with stricter limits. Plain records would add a series by it. */
  readonly dump = (producer: Producer, now: number) =>
    Effect.suspend(() => {
      if (this.kind === "plain" || this.clock() >= this.wideUntil) return this.sendWhole(producer, this.next(now))
      const records = this.next(now, pad)
      return Effect.tap(this.send(producer, records), () =>
        Effect.sync(() => this.hearer.sent(this, false, records.length))
      )
    })

  /** Two rounds in the wrong order, or chunk by chunk through each other. Plain records have no other order than their own. */
  readonly reorder = (producer: Producer, now: number) =>
    Effect.suspend(() => {
      const a = this.next(now)
      const b = this.next(now)
      if (this.kind === "plain") return this.sendWhole(producer, [...a, ...b])
      return this.sendWhole(producer, this.kind === "whole" ? [...b, ...a] : [a[0]!, b[0]!, a[1]!, b[1]!])
    })

  /**
   * An older round arrives again, within what its owners remember: twice the expiry after a newer one came, half of it where they
   * lost their memory. A plain record cannot be
   * told from a new one, so those never repeat.
   */
  readonly repeat = (producer: Producer, back: number, now: number) =>
    Effect.suspend(() => {
      const dump = this.sent[this.sent.length - 1 - back]
      if (this.kind === "plain" || dump === undefined) return Effect.void
      return now - this.lastSent > this.lateness * simExpiry ? Effect.void : this.send(producer, dump.records)
    })

  /** The agent restarts with another clock; its epoch is max(now, last + 1), from disk. */
  restart(now: number, clockBy: number): void {
    this.clockBy = clockBy
    this.epoch = Math.max(now + clockBy, this.epoch + 1)
    this.round = 0
  }

  readonly poison = (producer: Producer, now: number) =>
    Effect.suspend(() => {
      this.round += 1
      const bad = 'v{oops 1\nw "\n'
      const records = [this.kind === "plain" ? this.record(bad, {}) : this.numbered(bad, now, "1/1")]
      // Heard when it is in the log: a dump that is still on its way lies before it.
      return Effect.tap(this.send(producer, records), () =>
        Effect.sync(() => this.hearer.sent(this, false, records.length))
      )
    })

  /** A dump that is in the log, and that nobody will ever see. */
  readonly unseen = (producer: Producer, now: number) => Effect.suspend(() => this.send(producer, this.next(now)))

  /** Beyond every pod's limit: refused as a round that does not parse is. */
  readonly oversized = (producer: Producer, now: number) =>
    Effect.suspend(() => {
      this.round += 1
      const body = `# ${"x".repeat(3_000)}\nv 0\nw 0\n`
      const records = [this.kind === "plain" ? this.record(body, {}) : this.numbered(body, now, "1/1")]
      return Effect.tap(this.send(producer, records), () =>
        Effect.sync(() => this.hearer.sent(this, false, records.length))
      )
    })

  /** The first chunk of a round whose second never comes. */
  readonly partial = (producer: Producer, now: number) =>
    Effect.suspend(() => {
      if (this.kind === "plain") return Effect.void
      this.round += 1
      return this.send(producer, [this.numbered("# TYPE v gauge\nv 0\n", now, "1/2")])
    })

  /** The source says goodbye, and is back with its next dump. */
  readonly end = (producer: Producer, now: number) =>
    Effect.suspend(() => {
      this.round += 1
      const records = [this.kind === "plain" ? this.record(null, {}) : this.numbered(null, now, "1/1")]
      return Effect.tap(this.send(producer, records), () =>
        Effect.sync(() => this.hearer.sent(this, false, records.length))
      )
    })
}
