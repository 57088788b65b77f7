/**
 * Profile: what kind of history is played, by what may happen in it and what is promised there.
 *
 * `faults` is everything that P1 must survive. `calm` is joins, leaves, crashes and slow joins alone, far enough apart
 * for each to end: there P3 can be judged from outside. `logBack` and `calmLogBack` add what P1 assumes not to happen
 * and rule 9 limits. `growth` and `calmGrowth` have sources that their producers place by key, in a topic that grows, also twice in a
 * row, and producers that hear of it late. `mixedGrowth` is `growth` with producers of other partitioners beside those whose placement
 * the group knows, there before it was found out or coming later. `paused` is joins and leaves around pauses of the
 * coordinator: there it can be judged whether all is back at once afterwards. `deposed` adds coordinators that were replaced and still answer heartbeats, which is outside P1.
 * `tapped` is `faults` with somebody who is told of each round, slowly here and there. `durable` is what can happen to pods that write what comes to
 * a store, and to that store, `handedOver` joins and leaves alone.
 */
/** What kind of history it is: what may happen in it, and what is judged (docs/testing-kit.md). @experimental */
export type Profile =
  | "faults"
  | "calm"
  | "logBack"
  | "calmLogBack"
  | "deposed"
  | "paused"
  | "growth"
  | "calmGrowth"
  | "mixedGrowth"
  | "tapped"
  | "durable"
  | "handedOver"

/** Profiles in which pods show nothing, but make durable what comes. */
export const isDurable = (profile: Profile): boolean => profile === "durable" || profile === "handedOver"

/** Profiles in which producers place keys. */
export const isGrowth = (profile: Profile): boolean =>
  profile === "growth" || profile === "calmGrowth" || profile === "mixedGrowth"
