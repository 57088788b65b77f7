/**
 * SimArchive: the store and the processor of durable histories where no other is given. It is written to as an archive is: a write is of all records
 * from where the last one ended, and is refused to whoever believes in another end. Whoever comes begins where the store ends, and who was not
 * answered, or was refused, starts over from there.
 *
 * What its records hold the DurableJudge judges. Judged here, from the processor's side, is the engine: no record is left out; a memo that an owner is
 * told is that of the C where it begins; and, where nothing disturbs the handoff, what was drained is not read again.
 */
import { Effect, Layer, Schedule } from "effect"
import {
  durable,
  type Opening,
  PartitionProcessor,
  type Processing,
  ProcessorError
} from "../../engine/PartitionProcessor.ts"
import { type LogRecord, partitionKey } from "../../transport/Transport.ts"
import type { DurableSubject, Stored } from "../DurableSubject.ts"
import { outside } from "../pods/Outside.ts"

interface Chain {
  /** Everything before it is durable. */
  to: number
  readonly stored: Array<Stored>
  /** Where the last owner's drain ended; undefined where it did not come to an end. */
  drained: number | undefined
}

/** Nobody has committed anything at 0. */
const memoOf = (committed: number): string => (committed === 0 ? "" : `durable to ${committed}`)

const storedOf = ({ key, value }: LogRecord): Stored => ({
  source: Buffer.from(key ?? []).toString(),
  n: Number(Buffer.from(value ?? []).toString())
})

const again = Schedule.spaced(200)

export class SimArchive {
  private readonly violations: Array<string>
  /** Nothing but joins and leaves happens: handoffs are orderly. */
  private readonly orderly: boolean
  /** Records that are written together. */
  private readonly many: number
  private readonly chains = new Map<string, Chain>()

  /** `violations`: where it says what it finds. */
  constructor(violations: Array<string>, orderly: boolean, many = 7) {
    this.violations = violations
    this.orderly = orderly
    this.many = many
  }

  /** As its pods share it. */
  get subject(): DurableSubject {
    return {
      app: Layer.succeed(PartitionProcessor, this.processor),
      says: (_, n) => ({ value: Buffer.from(`${n}`) }),
      stored: Effect.sync(() => [...this.chains.values()].flatMap(({ stored }) => stored)),
      once: true,
      ordered: true
    }
  }

  get processor(): PartitionProcessor["Service"] {
    return { name: "archive", needs: durable, open: (opening) => this.open(opening) }
  }

  /** Of a partition (`topic/number`) everything before the answer is durable. */
  durableTo(key: string): number {
    return this.chains.get(key)?.to ?? 0
  }

  private open(opening: Opening): Effect.Effect<Processing> {
    return Effect.gen({ self: this }, function* () {
      const { tp, plan, generation } = opening
      const key = partitionKey(tp)
      const who = `${key}: the owner since generation ${generation}`
      const chain: Chain = this.chains.get(key) ?? { to: 0, stored: [], drained: undefined }
      this.chains.set(key, chain)
      if (!plan.restarted && plan.memo !== memoOf(plan.committed) && (this.orderly || plan.memo !== ""))
        this.violations.push(`${who} begins at C ${plan.committed} and is told "${plan.memo}" of what is durable`)
      if (this.orderly && chain.drained !== undefined && plan.start < chain.drained)
        this.violations.push(
          `${who} reads from ${plan.start} on what is durable and handed over up to ${chain.drained}`
        )
      chain.drained = undefined
      const from = yield* Effect.orDie(
        Effect.retry(
          outside.read(() => chain.to),
          again
        )
      )
      return this.processing(opening, chain, from, who)
    })
  }

  private processing({ prove, startOver }: Opening, chain: Chain, from: number, who: string): Processing {
    let known = from
    let next = from
    let waiting: Array<LogRecord> = []
    const create = (records: ReadonlyArray<LogRecord>, at: number, to: number) => (): boolean => {
      if (chain.to !== at) return false
      chain.to = to
      chain.stored.push(...records.map(storedOf))
      return true
    }
    const proven = Effect.mapError(prove, (cause) => new ProcessorError({ message: "not proven", cause }))
    /** All that waits, in one piece. */
    const write = Effect.gen(function* () {
      if (waiting.length === 0) return
      const to = next
      const created = yield* Effect.orElseSucceed(outside.write(create([...waiting], known, to)), () => undefined)
      if (created !== true) return startOver(created === undefined ? "the store did not answer" : "another was there")
      known = to
      waiting = []
    })
    return {
      from,
      process: ({ records, next: end }) =>
        Effect.suspend(() => {
          for (const [i, { offset }] of records.entries())
            if (offset !== next + i) this.violations.push(`${who} was never given ${next + i}, durable is ${chain.to}`)
          waiting.push(...records)
          next = end
          return waiting.length < this.many ? Effect.void : Effect.andThen(proven, write)
        }),
      // Looks first, and writes without a proof: the store refuses who comes too late.
      drain: Effect.ignore(outside.read(() => chain.to)).pipe(
        Effect.andThen(write),
        Effect.andThen(
          Effect.sync(() => {
            if (waiting.length === 0) chain.drained = chain.to
          })
        )
      ),
      committable: (position) => Math.min(position, known),
      memo: memoOf,
      lowest: (position) => position,
      status: () => ({ durable: known, waiting: waiting.length })
    }
  }
}
