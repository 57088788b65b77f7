/**
 * Schedule: a simulated history's plan as plain data: a seed for the small things and a list of faults at times. Made from the
 * seed alone, so a seed replays; shrinks by leaving faults out. It does not know how faults are done (Deeds does).
 */
import { builtInNames, type StrategyName } from "../../engine/Backpressure.ts"
import type { Placement } from "../../transport/Placement.ts"
import { random } from "../Random.ts"
import { calm, foreignersCome, orderly, pauses, stormy, withFloods, withStoreTroubles } from "./Courses.ts"
import type { Fault, Timed } from "./Fault.ts"
import { ofDurable, one } from "./Kinds.ts"
import { isDurable, isGrowth, type Profile } from "./Profile.ts"

/** A history's plan. Times in ms of virtual time. @experimental */
export interface Schedule {
  /** What it was made from; also of all chance while it is played. */
  readonly seed: number
  /** What kind of history it is, and so what is judged. */
  readonly profile: Profile
  /** That begin. */
  readonly pods: number
  /** Of the topic, at the start. */
  readonly partitions: number
  /** That send. */
  readonly sources: number
  /** That scrape the pods, each by itself. */
  readonly scrapers: number
  /** As metrics' option of this name. */
  readonly commit: "visible" | "scraped"
  /** Every second pod has stricter limits, as in the middle of a rollout. */
  readonly mixedLimits: boolean
  /** The strategy that pods begin with. */
  readonly backpressure: StrategyName
  /** Ms that each record takes in every pod: without it no scrape would meet a replay on its way. */
  readonly pace: number
  /** Ms that a group request takes on its way, at most. */
  readonly latency: number
  /** At most so many ms lie between a request's arrival and its cut, as where a shard has a thread of its own; none where absent. */
  readonly lateCuts?: number
  /** Whose time the topic's records have: the broker's, or the senders', each of whom has another idea of it. The broker's where absent. */
  readonly stamps?: "broker" | "senders"
  /** At most so many ms after a growth a producer hears of it. */
  readonly metadataAge?: number
  /** Where pods are tapped: at most so many ms a round takes whoever is told of it. */
  readonly telling?: number
  /** What the pods are told of how keys are placed; murmur2 where absent. */
  readonly partitioner?: Placement | "auto"
  /** In the order of their times. */
  readonly faults: ReadonlyArray<Timed>
}

/** Of mixed histories: enough for a placement to be found out by a good third of them. */
const mixedSources = 32

/** All that the topic has in the course of the history. */
export const countsOf = ({ partitions, faults }: Schedule): ReadonlyArray<number> => {
  const counts = [partitions]
  for (const { fault } of faults) if (fault.type === "addPartitions") counts.push(counts.at(-1)! + fault.count)
  return counts
}

/** In a mix all that is written is to be shown in the end: as the default is to producers' metadata and to the expiry. */
export const growthWindowOf = ({ profile }: Schedule): number => (profile === "mixedGrowth" ? 18_000 : 600_000)

/**
 * What happens besides the faults, whichever of them are left out: before others come the placement is found out, for with the join of one
 * more pod all keys are asked for. While it is not known nothing is promised of a growth (docs/growth.md).
 */
export const scripted = ({ partitioner }: Schedule): ReadonlyArray<Timed> =>
  partitioner === "auto" ? [{ at: foreignersCome - 2_000, fault: { type: "join" } }] : []

export const makeSchedule = (
  seed: number,
  options: {
    readonly faults?: number
    readonly profile?: Profile
    /** Kinds that this history meets much more often than by chance. */
    readonly often?: ReadonlyArray<Fault["type"]>
  } = {}
): Schedule => {
  const r = random(seed).next
  const int = (n: number) => Math.floor(r() * n)
  const profile = options.profile ?? "faults"
  const count = options.faults ?? 20 + int(14)
  const partitions = (profile === "mixedGrowth" ? 3 : 2) + int(profile === "mixedGrowth" ? 2 : 3)
  const quiet = profile === "calm" || profile === "calmLogBack" || profile === "paused" || profile === "calmGrowth"
  const made: Schedule = {
    seed,
    profile,
    pods: 2 + int(3),
    partitions,
    sources: profile === "mixedGrowth" ? mixedSources + int(3) : (isGrowth(profile) ? 3 : 2) * partitions + int(3),
    scrapers: 2 + int(3),
    commit: r() < 0.6 ? "visible" : "scraped",
    mixedLimits: r() < 0.5,
    // What is dropped goes from a replay with its source, which would look like a cold start.
    backpressure: r() < 0.5 || quiet ? "pause" : one(int, builtInNames),
    // Slow replays and requests would look like a group that waits.
    pace: one(int, profile === "paused" ? [0, 0, 2, 2] : [0, 5, 20, 60]),
    latency: one(int, profile === "paused" ? [0, 5, 5, 20] : [0, 5, 40, 150]),
    faults:
      profile === "handedOver"
        ? orderly(count, r, int)
        : profile === "paused"
          ? pauses(r, int)
          : quiet
            ? calm(count, profile, r, int)
            : stormy(count, { profile, often: options.often ?? [] }, r, int).filter(
                ({ fault }) => profile !== "durable" || ofDurable.has(fault.type)
              ),
    // Drawn last: the rest of a seed's history is as it was.
    lateCuts: one(int, [0, 0, 30, 400]),
    stamps: one(int, ["broker", "senders"]),
    ...(isGrowth(profile)
      ? { metadataAge: one(int, profile === "mixedGrowth" ? [500, 4_000] : [500, 4_000, 12_000]) }
      : {}),
    ...(profile === "mixedGrowth" ? { partitioner: one(int, ["murmur2", "crc32", "auto"] as const) } : {}),
    ...(profile === "tapped" ? { telling: one(int, [0, 0, 20, 150]) } : {})
  }
  if (profile === "durable") return { ...made, faults: withStoreTroubles(made.faults, r) }
  // Nothing of it may be dropped.
  const flooded =
    made.backpressure === "pause" || isDurable(profile) ? made : { ...made, faults: withFloods(made.faults, r) }
  // Whoever has to find the placement out again finds the others there: a mix leaves it open.
  return made.partitioner === "auto"
    ? { ...flooded, faults: flooded.faults.filter(({ fault }) => fault.type !== "toolResets") }
    : flooded
}
