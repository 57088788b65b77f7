/**
 * Assigning: a leader's use of its assignor: asks for a wish, and grants what is safe of it. A wish that is none, because the assignor
 * throws, leaves partitions out or names strangers, is refused as a whole: the built-in assignor decides that generation.
 *
 * An assignor may change its mind in every generation, and each move asks for another one. So after some generations in a row that began
 * moves, only what is free is placed, until one begins none.
 */
import { partitionKey, type TopicPartition } from "../../transport/Transport.ts"
import type { Assignor } from "./Assignor.ts"
import { balance } from "./Balance.ts"
import { type Assignments, type Claimant, grant, type Standing, standing, type Wish } from "./Grant.ts"

/**
 * `threw`: it threw, or answered no map. `incomplete`: partitions were left out. `stranger`: given to somebody who is no member. `restless`:
 * it went on moving partitions.
 */
export const refusedWishes = ["threw", "incomplete", "stranger", "restless"] as const
export type RefusedWish = (typeof refusedWishes)[number]

/** Generations in a row that may begin moves. Members that come one after the other, and evictions that end one after the other, take some. */
const mostMoving = 8

export class Assigning {
  /** Since the start. */
  refusals = 0
  /** One sentence; null where there was none. */
  lastRefusal: string | null = null
  private moving = 0
  private readonly assignor: Assignor["Service"]
  private readonly refused: (why: RefusedWish, told: string) => void

  constructor(assignor: Assignor["Service"], refused: (why: RefusedWish, told: string) => void) {
    this.assignor = assignor
    this.refused = refused
  }

  /** The assignor's name. */
  get name(): string {
    return this.assignor.name
  }

  get protocol(): string {
    return this.assignor.protocol
  }

  assign(
    members: ReadonlyArray<Claimant>,
    partitions: ReadonlyArray<TopicPartition>,
    loads: ReadonlyMap<string, number>
  ): Assignments {
    const claims = standing(members)
    const keys = partitions.map(partitionKey)
    const wish = this.ask(claims, keys, loads) ?? balance(claims.kept, keys, loads)
    const granted = grant(wish, claims, partitions)
    if (granted.moves === 0 || this.moving < mostMoving) {
      this.moving = granted.moves === 0 ? 0 : this.moving + 1
      return granted.assignments
    }
    this.refuse(
      "restless",
      `began moves in ${mostMoving} generations in a row: ${granted.moves} more partitions stay where they are`
    )
    this.moving = 0
    return grant(wish, claims, partitions, false).assignments
  }

  /** Undefined where the answer is no wish. */
  private ask({ kept }: Standing, keys: ReadonlyArray<string>, loads: ReadonlyMap<string, number>): Wish | undefined {
    const instead = "the built-in assignor decides this generation"
    let wish: Map<unknown, unknown>
    try {
      // Copies: what it does to them is its own affair.
      const members = kept.map(({ memberId, keys }) => ({ memberId, keys: [...keys] }))
      wish = new Map(this.assignor.place(members, [...keys], new Map(loads)))
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      return this.refuse("threw", `failed (${why}); ${instead}`)
    }
    const known: ReadonlySet<unknown> = new Set(kept.map(({ memberId }) => memberId))
    const left = keys.filter((key) => !wish.has(key))
    if (left.length > 0)
      return this.refuse("incomplete", `left ${left.length} of ${keys.length} partitions out (${left[0]}); ${instead}`)
    const astray = keys.find((key) => !known.has(wish.get(key)))
    if (astray !== undefined)
      return this.refuse("stranger", `gave ${astray} to ${String(wish.get(astray))}, who is no member; ${instead}`)
    return wish as Map<string, string>
  }

  private refuse(why: RefusedWish, what: string): undefined {
    this.refusals += 1
    this.lastRefusal = `the assignor ${this.assignor.name} ${what}`
    this.refused(why, this.lastRefusal)
  }
}
