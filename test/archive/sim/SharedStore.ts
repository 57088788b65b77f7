/**
 * SharedStore: the bucket that all pods of a history share, in memory and in virtual time, with what happens to requests on their way: refused, answered
 * late, lost with or without having been carried out, carried out long after the caller gave up. What was sent is not taken back by anything.
 */
import { type Clock, Effect } from "effect"
import { type Store, StoreError } from "../../../src/archive/store/Store.ts"
import { type Fate, sending } from "../../../src/testing/pods/Outside.ts"
import type { PodClock } from "../../../src/testing/pods/PodClock.ts"

export type Op = "create" | "read" | "readPart" | "readTail" | "list" | "remove"

const broken = () => new StoreError({ message: "the store is away", code: "AWAY", refused: false })

export class SharedStore {
  readonly objects = new Map<string, Buffer>()
  /** Else it overwrites, which no store of ours does. */
  readonly conditional: boolean
  /** Creates of names that were taken. */
  refusals = 0
  readonly #base: Clock.Clock

  constructor(base: Clock.Clock, conditional = true) {
    this.#base = base
    this.conditional = conditional
  }

  #carryOut(name: string, bytes: Buffer): "created" | "exists" {
    if (this.conditional && this.objects.has(name)) {
      this.refusals += 1
      return "exists"
    }
    this.objects.set(name, bytes)
    return "created"
  }

  /** As one pod reaches it. `fate`: of each request, as it is sent. */
  through(pod: string, clock: PodClock, fate: (op: Op, name: string) => Fate): Store {
    const request = <A>(op: Op, name: string, carryOut: () => A): Effect.Effect<A, StoreError> =>
      Effect.andThen(
        clock.open,
        Effect.suspend(() => sending({ clock, world: this.#base }, fate(op, name), carryOut, broken))
      )
    return {
      place: `memory:${pod}`,
      create: (name, pieces) => {
        const bytes = Buffer.concat(pieces)
        return request("create", name, () => this.#carryOut(name, bytes))
      },
      read: (name) => request("read", name, () => this.objects.get(name)),
      readPart: (name, from, bytes) =>
        request("readPart", name, () => this.objects.get(name)?.subarray(from, from + bytes)),
      readTail: (name, most) =>
        request("readTail", name, () => {
          const bytes = this.objects.get(name)
          return bytes === undefined
            ? undefined
            : { bytes: bytes.subarray(Math.max(0, bytes.length - most)), size: bytes.length }
        }),
      list: (prefix, each) =>
        Effect.map(
          request("list", prefix, () => [...this.objects].filter(([name]) => name.startsWith(prefix))),
          (found) => {
            for (const [name, bytes] of found) each({ name, bytes: bytes.length })
          }
        ),
      remove: (name) => request("remove", name, () => void this.objects.delete(name))
    }
  }
}
