/**
 * Faults: what a test or a simulation does to single requests on their way. Scripts see every request as it is sent
 * and say what becomes of it; the broker itself is never touched, so whatever follows could happen on a real network.
 *
 * A pod is cut off by losing its requests, its answers, or both. Nothing here is used where no script is installed.
 */
import type {
  Commit,
  FetchRequest,
  JoinRequest,
  Member,
  OutgoingRecord,
  TopicPartition,
  TransportErrorCode
} from "../Transport.ts"

/** One request as its client sent it. `group` is "" for a producer and for `inspect`. @experimental */
export type Request = { readonly clientId: string; readonly group: string } & (
  | { readonly op: "joinGroup"; readonly join: JoinRequest }
  | { readonly op: "syncGroup" | "heartbeat"; readonly member: Member }
  | { readonly op: "leaveGroup"; readonly memberId: string }
  | { readonly op: "offsetCommit"; readonly member: Member; readonly commits: ReadonlyArray<Commit> }
  | { readonly op: "offsetFetch" | "listOffsets"; readonly tps: ReadonlyArray<TopicPartition> }
  | { readonly op: "fetch"; readonly node: number; readonly requests: ReadonlyArray<FetchRequest> }
  | { readonly op: "metadata" | "inspect"; readonly topics: ReadonlyArray<string> }
  | { readonly op: "produce"; readonly records: ReadonlyArray<OutgoingRecord> }
)

/** What becomes of a request. All parts combine; an empty plan delivers. @experimental */
export interface Plan {
  /** Ms on the way there. Later requests on the same connection do not overtake it. */
  readonly delayRequest?: number
  /** Ms on the way back, likewise in order. */
  readonly delayAnswer?: number
  /** `request`: never carried out. `answer`: carried out, but nobody hears of it. */
  readonly lose?: "request" | "answer"
  /** The broker answers this instead of carrying it out. */
  readonly fail?: TransportErrorCode
  /** The client is told CONNECTION at once; a request that is not lost is still on its way and may be overtaken. */
  readonly disconnect?: boolean
  /** Ms after which the client gives up, instead of its own; Infinity for a client that waits for ever. */
  readonly timeout?: number
}

/** Called once for each request, synchronously, when it is sent. Undefined: no opinion. @experimental */
export type Script = (request: Request) => Plan | undefined

const UNTOUCHED: Plan = {}

export class Faults {
  readonly #scripts = new Set<Script>()

  add(script: Script): void {
    this.#scripts.add(script)
  }

  remove(script: Script): void {
    this.#scripts.delete(script)
  }

  /** The first script with an opinion decides. Every script sees every request. */
  plan(request: Request): Plan {
    let plan: Plan | undefined
    for (const script of this.#scripts) {
      const opinion = script(request)
      plan ??= opinion
    }
    return plan ?? UNTOUCHED
  }
}
