/**
 * OpenObject: what is gathered for the next object of one partition: rows that are packed as they come, counts, the last record. It is in memory, and
 * becomes visible whole or not at all.
 */
import { Effect, Exit, Scope } from "effect"
import { type Witness, witnessOf } from "../engine/partition/Witness.ts"
import type { LogRecord } from "../transport/Transport.ts"
import type { Pack, Packing } from "./rows/Packing.ts"

export class OpenObject {
  readonly from: number
  /** Monotonic, ms. */
  readonly openedAt: number
  /** The first record's stamp, ms since the epoch. */
  readonly since: number
  records = 0
  rows = 0
  /** Of the rows before packing. */
  bytes = 0
  /** The next offset behind the last record. */
  reached: number
  /** By which the records before its end can be told from others, as of the last `settle`. */
  last: Witness | null
  /** Its bytes are lent: it is looked at before its batch ends. */
  #newest: LogRecord | undefined
  readonly #packing: Packing
  readonly #scope: Scope.Closeable

  private constructor(
    first: LogRecord,
    from: number,
    last: Witness | null,
    now: number,
    packing: Packing,
    scope: Scope.Closeable
  ) {
    this.from = from
    this.reached = from
    this.since = first.timestamp
    this.openedAt = now
    this.last = last
    this.#packing = packing
    this.#scope = scope
  }

  /** `last`: the record that is known of what is before it. */
  static begin(
    first: LogRecord,
    from: number,
    last: Witness | null,
    now: number,
    pack: Pack
  ): Effect.Effect<OpenObject> {
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const packing = yield* Scope.provide(pack, scope)
      return new OpenObject(first, from, last, now, packing, scope)
    })
  }

  /** Packed, about. */
  get size(): number {
    return this.#packing.size()
  }

  /** In memory, about. */
  get held(): number {
    return this.#packing.held()
  }

  took(record: LogRecord): void {
    this.records += 1
    this.reached = record.offset + 1
    if (record.tooLarge === undefined) this.#newest = record
  }

  write(bytes: Uint8Array, rows: number): Effect.Effect<void> {
    this.rows += rows
    this.bytes += bytes.length
    return this.#packing.write(bytes)
  }

  /** Before the batch's bytes are given back, and before its end. */
  settle(): void {
    if (this.#newest !== undefined) this.last = witnessOf(this.#newest)
    this.#newest = undefined
  }

  /** Its data, whole. */
  get packed(): Effect.Effect<ReadonlyArray<Uint8Array>> {
    return this.#packing.end
  }

  get close(): Effect.Effect<void> {
    return Scope.close(this.#scope, Exit.void)
  }
}
