/** Waiting in tests of real processes: for a condition, with a deadline that says what did not come. Never for a time. */
import { setTimeout as delay } from "node:timers/promises"

export interface UntilOptions {
  /** Completes the sentence "waited 60 s for …"; asked when it failed, so that it can tell the last state. */
  readonly what: string | (() => string)
  readonly within?: number
  readonly every?: number
}

/** The first answer that is not false or undefined. A look that throws is a failure at once. */
export const until = async <A>(
  look: () => A | Promise<A>,
  { what, within = 60_000, every = 50 }: UntilOptions
): Promise<Exclude<Awaited<A>, false | undefined>> => {
  const deadline = performance.now() + within
  for (;;) {
    const answer = await look()
    if (answer !== false && answer !== undefined) return answer as Exclude<Awaited<A>, false | undefined>
    if (performance.now() > deadline)
      throw new Error(`waited ${within / 1000} s for ${typeof what === "string" ? what : what()}`)
    await delay(every)
  }
}
