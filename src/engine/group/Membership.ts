/**
 * Membership: what the loops of one member's group requests have in common: who is let in, who leads, what is said and heard of loads, and what
 * a leader makes of it. Joins are sent in Joining, heartbeats in Proof, farewells in Farewells; what answers mean is Handoff's to decide.
 */
import { Effect } from "effect"
import { TransportError } from "../../transport/Transport.ts"
import type { Growth } from "../growth/Growth.ts"
import type { Member } from "../Member.ts"
import { Admission } from "./Admission.ts"
import { Assigning, refusedWishes } from "./Assigning.ts"
import type { Assignor } from "./Assignor.ts"
import { Loads } from "./Loads.ts"

/** Bytes a second by key, of those that were watched long enough. */
const measured = (member: Member): ReadonlyMap<string, number> => {
  const loads = new Map<string, number>()
  for (const p of member.partitions.values()) {
    const rate = p.load.measure(p.highWatermark, member.now())
    if (rate !== undefined) loads.set(p.key, rate)
  }
  return loads
}

export class Membership {
  readonly member: Member
  readonly growth: Growth
  readonly admission: Admission
  readonly assigning: Assigning
  readonly loads: Loads
  /** In the last generation that was joined. */
  leads = false
  /** As leader: other members' hashes of settings, where they differ from ours. */
  settingsDiffer: ReadonlyArray<string> = []
  private toldMissing: ReadonlyArray<string> = []

  constructor(member: Member, growth: Growth, assignor: Assignor["Service"]) {
    const { fibers, metrics, now, options } = member
    this.member = member
    this.growth = growth
    this.admission = new Admission(metrics, now, options.hasBeenIn)
    this.loads = new Loads(() => measured(member))
    for (const reason of refusedWishes) metrics.wishesRefused.inc({ module: assignor.name, reason }, 0)
    this.assigning = new Assigning(assignor, (reason, told) => {
      metrics.wishesRefused.inc({ module: assignor.name, reason })
      fibers.say(Effect.logWarning(told))
    })
  }

  /** `settings`: the members' hashes, where this one leads. */
  led(leads: boolean, settings: ReadonlyArray<string>): Effect.Effect<void> {
    const { metrics, options } = this.member
    this.leads = leads
    this.settingsDiffer = settings.filter((hash) => hash !== options.settingsHash)
    const differ = this.settingsDiffer.length
    metrics.settingsDiffer.set(differ)
    return differ === 0
      ? Effect.void
      : Effect.logWarning(`${differ} members run with other settings than this pod: see status`)
  }

  /** What the brokers say of the topics; whether they grew is known in the same instant. */
  get refreshed(): Effect.Effect<void, TransportError> {
    const { topology } = this.member
    const counted = Effect.map(topology.refresh, () => this.growth.counted(topology.counts))
    return Effect.ensuring(counted, this.tellMissing)
  }

  private get tellMissing(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { missing } = this.member.topology
      const before = this.toldMissing
      this.toldMissing = missing
      const gone = missing
        .filter((topic) => !before.includes(topic))
        .map((topic) =>
          Effect.logWarning(
            `the brokers have no topic ${topic}: nothing of it is read until somebody creates it, or --topic names another one`
          )
        )
      const back = before
        .filter((topic) => !missing.includes(topic))
        .map((topic) => Effect.logInfo(`the brokers have the topic ${topic} now`))
      return Effect.all([...gone, ...back], { discard: true })
    })
  }
}

export const timedOut = (op: string) => () =>
  Effect.fail(new TransportError({ op, code: "TIMEOUT", retriable: true, detail: "no answer in time" }))
