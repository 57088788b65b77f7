/**
 * DurableSubject: an application that makes records durable, as the kit tries it, and what is wrong with what its store holds: the pure part,
 * for the contract and for the simulation. Sources say 1, 2, 3 …, so a hole and an overlap can be told from what is there.
 */
import type { Effect } from "effect"
import type { Subject } from "./Subject.ts"

/** One thing that a source said. @experimental */
export interface Stored {
  /** Who said it. */
  readonly source: string
  /** What was said. */
  readonly n: number
}

/** A store that is empty, and the application that writes to it. `R`: what the application brings beside its processor. @experimental */
export interface DurableSubject<R = never, E = never> extends Pick<Subject<R, E>, "app" | "says"> {
  /**
   * All that is durable now; what was made durable twice is there twice. For `simulate` it answers at once: the store is in memory, and reached by
   * the application through `outside`.
   */
  readonly stored: Effect.Effect<ReadonlyArray<Stored>, unknown>
  /** Whether it promises each record once, also where an owner that was replaced goes on. Else repeats are taken. */
  readonly once: boolean
  /** True: `stored` has the store's order, in which what a source said comes, where it comes first, in the order in which it was said. */
  readonly ordered?: boolean
  /** True: before each `outside.write` it asks `prove`, so none is sent by an owner that knows, or would have heard, that it lost the partition. */
  readonly proves?: boolean
}

export type Promised = Pick<DurableSubject, "once" | "ordered">

export const text = ({ source, n }: Stored): string => `${source} ${n}`

/** Of these what is not there. */
export const missing = (said: ReadonlyArray<Stored>, stored: ReadonlyArray<Stored>): ReadonlyArray<Stored> => {
  if (said.length === 0) return []
  const there = new Set(stored.map(text))
  return said.filter((each) => !there.has(text(each)))
}

/** What a store does not keep of its promises, one sentence each: what is there twice, out of order, or was never said. */
export const misheld = (
  said: ReadonlyArray<Stored>,
  stored: ReadonlyArray<Stored>,
  { once, ordered = false }: Promised
): ReadonlyArray<string> => {
  const known = new Set(said.map(text))
  const seen = new Set<string>()
  const last = new Map<string, number>()
  const wrong: Array<string> = []
  for (const each of stored) {
    const name = text(each)
    const newest = last.get(each.source) ?? 0
    if (!known.has(name)) wrong.push(`${name} is durable, and nobody said it`)
    else if (seen.has(name)) {
      if (once) wrong.push(`${name} is durable twice`)
    } else if (ordered && each.n < newest) wrong.push(`${name} is durable behind ${each.source} ${newest}`)
    seen.add(name)
    last.set(each.source, Math.max(newest, each.n))
  }
  return wrong
}
