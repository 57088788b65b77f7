/**
 * SimArchive: the store that the pods of a durable history share, the processor that writes to it, and the judge of what comes of it. It is
 * written to as an archive is: a write is of all records from where the last one ended, takes its time, and is refused to an owner of an
 * earlier generation than the last one that came. Whoever comes begins where the store ends.
 *
 * Its memo is how far the store goes at C. Judged: every record is durable, once; nobody who has heard of a loss makes anything durable; and, where nothing disturbs
 * the handoff, that what was drained is not read again; and a memo that an owner is told is that of the C where it begins.
 */
import { Effect } from "effect"
import {
  durable,
  type Opening,
  type PartitionProcessor,
  type Processing,
  ProcessorError
} from "../../engine/PartitionProcessor.ts"
import { type LogRecord, partitionKey } from "../../transport/Transport.ts"

interface Chain {
  generation: number
  /** Everything before it is durable. */
  to: number
  /** Where the last owner's drain ended; undefined where it did not come to an end. */
  drained: number | undefined
}

/** A pod as the store sees it. */
interface Writer {
  readonly name: string
  /** "" where it has heard that it is none. */
  readonly memberId: () => string
  /** Ms that a write takes. */
  readonly writing: () => number
}

/** Nobody has committed anything at 0. */
const memoOf = (committed: number): string => (committed === 0 ? "" : `durable to ${committed}`)

export class SimArchive {
  private readonly violations: Array<string>
  /** Nothing but joins and leaves happens: handoffs are orderly. */
  private readonly orderly: boolean
  /** Records that are written together. */
  private readonly many: number
  private readonly chains = new Map<string, Chain>()

  constructor(violations: Array<string>, orderly: boolean, many = 7) {
    this.violations = violations
    this.orderly = orderly
    this.many = many
  }

  /** What of a log that ends there is not durable, but for `most` records. */
  missing(key: string, end: number, most = this.many - 1): ReadonlyArray<string> {
    const to = this.chains.get(key)?.to ?? 0
    return end - to <= most ? [] : [`${key} is durable up to ${to} of ${end} although everything is quiet`]
  }

  processor(writer: Writer): PartitionProcessor["Service"] {
    return {
      name: "archive",
      needs: durable,
      open: (opening) => Effect.sync(() => this.open(writer, opening))
    }
  }

  private open(writer: Writer, { tp, plan, generation, prove }: Opening): Processing {
    const key = partitionKey(tp)
    const chain = this.chains.get(key) ?? { generation, to: plan.start, drained: undefined }
    this.chains.set(key, chain)
    if (!plan.restarted && plan.memo !== memoOf(plan.committed) && (this.orderly || plan.memo !== ""))
      this.violations.push(
        `${key}: ${writer.name} begins at C ${plan.committed} and is told "${plan.memo}" of what is durable`
      )
    const { name } = writer
    const memberId = writer.memberId()
    const refused = () => generation < chain.generation
    if (!refused()) {
      chain.generation = generation
      if (this.orderly && chain.drained !== undefined && plan.start < chain.drained)
        this.violations.push(
          `${key}: ${name} reads from ${plan.start} on what is durable and handed over up to ${chain.drained}`
        )
      chain.drained = undefined
      if (plan.start > chain.to) this.violations.push(`${key}: ${name} begins at ${plan.start}, durable is ${chain.to}`)
    }
    let known = chain.to
    let waiting: Array<LogRecord> = []
    let next = plan.start
    const proven = Effect.mapError(prove, (cause) => new ProcessorError({ message: "not proven", cause }))
    /** All that waits, in one piece; a writer that is refused waits for its eviction. */
    const write = Effect.gen({ self: this }, function* () {
      if (refused()) return yield* Effect.never
      if (waiting.length === 0) return
      yield* Effect.sleep(writer.writing())
      if (writer.memberId() !== memberId)
        this.violations.push(`${key}: ${name} makes durable what it knows to have lost`)
      if (refused()) return yield* Effect.never
      const [first] = waiting
      if (first !== undefined && first.offset < chain.to)
        this.violations.push(`${key}: ${name} makes offset ${first.offset} durable twice`)
      known = chain.to = next
      waiting = []
    })
    return {
      process: (batch) =>
        Effect.suspend(() => {
          const fresh = batch.records.filter(({ offset }) => offset >= chain.to)
          // Nothing is lost between two writes.
          const expected = Math.max(next, chain.to)
          for (const [i, { offset }] of fresh.entries())
            if (offset !== expected + i)
              this.violations.push(`${key}: ${name} was never given ${expected + i}, durable is ${chain.to}`)
          waiting.push(...fresh)
          next = Math.max(batch.next, chain.to)
          return waiting.length < this.many ? Effect.void : Effect.andThen(proven, write)
        }),
      // Without a proof: the store refuses who comes too late.
      drain: Effect.andThen(
        write,
        Effect.sync(() => {
          chain.drained = chain.to
        })
      ),
      committable: (position) => Math.min(position, known),
      memo: memoOf,
      lowest: (position) => position,
      status: () => ({ durable: known, waiting: waiting.length })
    }
  }
}
