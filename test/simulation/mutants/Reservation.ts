/** Reservation: mutants of rule 2 on the side of the old owner: how far it may show, and what its commits say of it. */
import type { Partition } from "../../../src/engine/partition/Partition.ts"
import type { CommitOutcome, Reservation } from "../../../src/engine/partition/Reservation.ts"
import { type Mutant, patching, replacing } from "./Mutant.ts"
import {
  begunAndHandedOver,
  begunAndNotEnded,
  commitsLate,
  firstCommitLate,
  heirsDie,
  reservesLess,
  telling
} from "./Stories.ts"

type Answered = (s: Reservation, outcome: CommitOutcome) => Reservation
type Limit = (s: Reservation) => number

const reservation = (changes: Parameters<typeof replacing>[1]): Disposable =>
  replacing("engine/partition/Reservation", changes)

/** A commit under way does not bind: it cannot carry less than the one before it. */
const notInFlight = {
  exposeLimit: (real: Limit) => (s: Reservation) => real({ ...s, inFlight: null })
}

export const reservationMutants: ReadonlyArray<Mutant> = [
  {
    rule: "2 R counts when it is answered",
    breaks: "R counts when its commit is sent, not when it is answered",
    found: "older",
    modules: () => [reservation({ exposeLimit: () => (s: Reservation) => (s.sent === 0 ? -1 : s.sent) })]
  },
  {
    rule: "2 R counts when it is answered",
    breaks: "before its first answered commit an owner shows as much as it likes",
    found: "older",
    histories: telling(firstCommitLate),
    modules: () => [
      reservation({
        exposeLimit: (real: Limit) => (s: Reservation) => (s.confirmed === null ? Number.POSITIVE_INFINITY : real(s))
      })
    ]
  },
  {
    rule: "2 R of unknown outcome",
    breaks: "a commit of unknown outcome is taken for refused: it may arrive late",
    found: "older",
    histories: telling(commitsLate),
    modules: () => [
      reservation({
        commitAnswered: (real: Answered) => (s: Reservation, outcome: CommitOutcome) =>
          real(s, outcome === "unknown" ? "refused" : outcome)
      })
    ]
  },
  {
    rule: "2 R of unknown outcome",
    breaks: "the next confirmed commit ends the doubt, though it is of the same generation",
    found: "older",
    histories: telling(commitsLate),
    modules: () => [
      reservation({
        commitAnswered: (real: Answered) => (s: Reservation, outcome: CommitOutcome) => ({
          ...real(s, outcome),
          ...(outcome === "confirmed" ? { unknown: [] } : {})
        })
      })
    ]
  },
  {
    rule: "2 R of unknown outcome",
    breaks: "nobody asks for the generation that ends the doubt",
    found: "healing",
    often: ["lateCommit"],
    modules: () => [reservation({ inDoubt: () => () => false })]
  },
  {
    rule: "2 R is never lowered",
    breaks: "a commit may carry a smaller R than the one before it, and the larger one counts until it is answered",
    found: "older",
    histories: telling(reservesLess),
    modules: () => [
      reservation({
        ...notInFlight,
        nextReservation: () => (_: Reservation, fence: number, exposed: number, wanted: number) =>
          Math.max(fence, exposed, wanted)
      })
    ],
    baseline: { modules: () => [reservation(notInFlight)] }
  },
  {
    rule: "2 nothing beyond R",
    breaks: "a round that was begun before R is finished and shown beyond it",
    found: "older",
    histories: telling(begunAndNotEnded),
    modules: () => [
      patching("engine/partition/Partition", (prototype) => {
        interface Inside {
          readonly position: number
          readonly processing: { readonly committable: (position: number) => number } | undefined
        }
        for (const [name, beyond] of [["allowed", Number.POSITIVE_INFINITY] as const, ["visible", true] as const]) {
          const real = Object.getOwnPropertyDescriptor(prototype, name)!.get!
          Object.defineProperty(prototype, name, {
            get(this: Inside) {
              const { position, processing } = this
              const begun = processing !== undefined && processing.committable(position) < position
              const own = real.call(this)
              if (name === "allowed") return begun ? beyond : own
              const serving = (this as unknown as { readonly phase: string }).phase === "serving"
              return own || (serving && processing !== undefined)
            }
          })
        }
      })
    ]
  },
  {
    rule: "2 every commit carries R",
    breaks: "a clean handoff lowers R to C",
    found: "older",
    histories: telling(begunAndHandedOver),
    modules: () => [
      patching("engine/partition/Partition", (prototype) => {
        const { commit } = prototype as unknown as Pick<Partition, "commit">
        prototype.commit = function (this: Partition, exposable: boolean, now: number) {
          const c = commit.call(this, exposable, now)
          if (c === undefined || this.phase !== "evicting") return c
          return { ...c, metadata: JSON.stringify({ v: 1, r: c.offset, l: c.l }) }
        } as never
      })
    ]
  },
  {
    rule: "2 every commit carries R",
    breaks: "an owner that is still behind its fence reserves less than the fence",
    found: "older",
    histories: telling(heirsDie),
    modules: () => [
      reservation({
        nextReservation: () => (s: Reservation, _fence: number, exposed: number, wanted: number) =>
          Math.max(s.sent, exposed, wanted)
      })
    ]
  },
  {
    rule: "P2 commit after exposure",
    breaks: "what no scrape has shown yet is committed",
    found: "committed unseen",
    histories: (made) => ({ ...made, commit: "scraped", backpressure: "pause" }),
    modules: () => [
      patching("metrics/cache/Delivered", (prototype) => {
        prototype.upTo = ((position: number) => position) as never
      })
    ]
  }
]
