/**
 * GroupClient over Kafka: each method is one request of Kafka's protocol to the broker it belongs to, sent once. Joins and
 * syncs, then heartbeats with commits, then long polls, then other reads each have connections of their own. The coordinator's address is
 * kept until any answer casts doubt on it; looking it up again is left to the next request.
 */
import { Effect } from "effect"
import {
  type Committed,
  type GroupClient,
  type Joined,
  type JoinRequest,
  partitionKey,
  type TopicPartition,
  TransportError
} from "../Transport.ts"
import { byTopic } from "./ByTopic.ts"
import { failed, refused, toTransportError } from "./connection/Errors.ts"
import type { Address } from "./connection/KafkaOptions.ts"
import type { Link, Patience } from "./connection/Link.ts"
import type { Links } from "./connection/Links.ts"
import type { Answer, ApiName, Args } from "./connection/Protocol.ts"
import { protocolType } from "./Envelope.ts"
import { identify } from "./Identity.ts"
import type { LogReader } from "./LogReader.ts"
import { keepFreed } from "./records/AnswerMemory.ts"
import { Together } from "./Together.ts"

/** Above the rebalance timeout: the broker answers a join at its end at the latest. */
const JOIN_MARGIN_MS = 5_000
/** How long the id of a join that was given up is listened for. */
const LISTENING_MS = 600_000
const MEMBER_ID_REQUIRED = 79
/**
 * UNKNOWN, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR as answers to a commit: a coordinator that lost its partition or its
 * replicas after it had appended the commit says the same as one that never did, and the next one may read it back.
 */
const maybeStored: ReadonlySet<number> = new Set([-1, 15, 16])
const NO_OFFSET = -1

/** Runs the promise at once when the effect runs, so that requests keep the order of the calls. */
const attempt = <A>(op: string, run: () => Promise<A>): Effect.Effect<A, TransportError> =>
  Effect.tryPromise({ try: run, catch: (error) => toTransportError(op, "the client", error, "request") })

const buffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

class KafkaGroup {
  readonly links: Links
  readonly #group: string
  #coordinator: Promise<Address> | undefined
  #rebalanceTimeout = 0
  /** Counts joins and what gave them up, so that a join knows whether it is still wanted. */
  #joins = 0
  /** While a new member asks for its id. */
  #giveUp: (() => void) | undefined
  /** A heartbeat waits no longer, then its connection ends: one that brings no answers must not keep a membership alive that nobody can prove. */
  #patience = Number.POSITIVE_INFINITY
  readonly #committed = new Together((tps) => this.#offsetFetch(tps))

  constructor(links: Links, group: string) {
    this.links = links
    this.#group = group
  }

  async join(request: JoinRequest, given: (memberId: string) => void): Promise<Joined> {
    this.#rebalanceTimeout = request.rebalanceTimeout
    this.#patience = request.sessionTimeout / 3
    const mine = ++this.#joins
    const patience = request.rebalanceTimeout + JOIN_MARGIN_MS
    const send = (memberId: string, atLeast = patience) =>
      this.#ask(
        "join",
        "joinGroup",
        "JoinGroup",
        {
          groupId: this.#group,
          memberId,
          sessionTimeout: request.sessionTimeout,
          rebalanceTimeout: request.rebalanceTimeout,
          protocolType: protocolType(request.protocols.map(({ metadata }) => metadata)),
          groupProtocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: buffer(metadata) }))
        },
        { atLeast }
      )
    let answer: Answer<"JoinGroup">
    if (request.memberId === "") {
      const first = send("", LISTENING_MS).then((answer) => {
        if (answer.memberId !== "") given(answer.memberId)
        return answer
      })
      answer = await this.#wanted(first, patience).finally(() => {
        if (mine === this.#joins) this.#giveUp = undefined
      })
    } else answer = await send(request.memberId)
    if (answer.errorCode === MEMBER_ID_REQUIRED) {
      if (mine !== this.#joins) throw failed("joinGroup", "CONNECTION", "the join was given up")
      // Not a retry: the broker only gave the new member its id, and the join is the request that carries it (KIP-394).
      answer = await send(answer.memberId)
    }
    this.#check("joinGroup", answer.errorCode)
    return {
      generation: answer.generationId,
      memberId: answer.memberId,
      leaderId: answer.leaderId,
      protocol: answer.groupProtocol ?? "",
      members: answer.members.map(({ memberId, memberMetadata }) => ({
        memberId,
        metadata: memberMetadata ?? new Uint8Array(0)
      }))
    }
  }

  /**
   * Gives up the join or sync under way. What a new member asks for first makes no member, but brings an id for which the group then
   * waits: its answer is listened for.
   */
  abandon(): void {
    this.#joins += 1
    const first = this.#giveUp
    this.#giveUp = undefined
    if (first === undefined) this.links.drop("join", "the join was given up")
    else {
      this.links.detach("join", "the join was given up")
      first()
    }
  }

  /** The answer, unless it is given up before, or is not there in time. */
  async #wanted<A>(answer: Promise<A>, within: number): Promise<A> {
    let timer: NodeJS.Timeout | undefined
    const givenUp = new Promise<never>((_, reject) => {
      this.#giveUp = () => reject(failed("joinGroup", "CONNECTION", "the join was given up"))
      timer = setTimeout(() => {
        reject(failed("joinGroup", "TIMEOUT", `no answer within ${within} ms`))
        this.abandon()
      }, within)
    })
    // What comes after it was given up is nobody's, be it an answer or a failure.
    answer.catch(() => {})
    try {
      return await Promise.race([answer, givenUp])
    } finally {
      clearTimeout(timer)
    }
  }

  async sync(
    member: { readonly memberId: string; readonly generation: number },
    assignments: ReadonlyArray<{ readonly memberId: string; readonly assignment: Uint8Array }>
  ): Promise<Uint8Array> {
    const answer = await this.#ask(
      "join",
      "syncGroup",
      "SyncGroup",
      {
        groupId: this.#group,
        memberId: member.memberId,
        generationId: member.generation,
        groupAssignment: assignments.map(({ memberId, assignment }) => ({
          memberId,
          memberAssignment: buffer(assignment)
        }))
      },
      { atLeast: this.#rebalanceTimeout + JOIN_MARGIN_MS }
    )
    this.#check("syncGroup", answer.errorCode)
    return answer.memberAssignment ?? new Uint8Array(0)
  }

  async heartbeat(member: { readonly memberId: string; readonly generation: number }): Promise<void> {
    const answer = await this.#ask(
      "group",
      "heartbeat",
      "Heartbeat",
      { groupId: this.#group, memberId: member.memberId, groupGenerationId: member.generation },
      { atMost: this.#patience }
    )
    this.#check("heartbeat", answer.errorCode)
  }

  async leave(memberId: string): Promise<void> {
    const answer = await this.#ask("group", "leaveGroup", "LeaveGroup", { groupId: this.#group, memberId })
    this.#check("leaveGroup", answer.errorCode)
    for (const { errorCode } of answer.members ?? []) this.#check("leaveGroup", errorCode)
  }

  async commit(
    member: { readonly memberId: string; readonly generation: number },
    commits: ReadonlyArray<{ readonly tp: TopicPartition; readonly offset: number; readonly metadata: string }>
  ): Promise<void> {
    const answer = await this.#ask("group", "offsetCommit", "OffsetCommit", {
      groupId: this.#group,
      memberId: member.memberId,
      groupGenerationId: member.generation,
      topics: byTopic(commits, ({ tp, offset, metadata }) => ({
        partition: tp.partition,
        offset: String(offset),
        metadata
      }))
    })
    for (const { topic, partitions } of answer.responses)
      for (const { partition, errorCode } of partitions) {
        const key = partitionKey({ topic, partition })
        if (maybeStored.has(errorCode)) {
          this.#coordinator = undefined
          const { detail } = refused("offsetCommit", errorCode, `the coordinator of group ${this.#group} for ${key}`)
          throw failed("offsetCommit", "TIMEOUT", `${detail}; it may have been stored all the same`)
        }
        this.#check("offsetCommit", errorCode, `for ${key}`)
      }
  }

  committed(tps: ReadonlyArray<TopicPartition>): Promise<ReadonlyMap<string, Committed>> {
    return this.#committed.ask(tps)
  }

  async #offsetFetch(tps: ReadonlyArray<TopicPartition>): Promise<ReadonlyMap<string, Committed>> {
    const found = new Map<string, Committed>()
    const answer = await this.#ask("group", "offsetFetch", "OffsetFetch", {
      groupId: this.#group,
      topics: byTopic(
        tps.map((tp) => ({ tp })),
        ({ tp }) => ({ partition: tp.partition })
      )
    })
    this.#check("offsetFetch", answer.errorCode ?? 0)
    for (const { topic, partitions } of answer.responses)
      for (const { partition, errorCode, offset, metadata } of partitions) {
        const key = partitionKey({ topic, partition })
        this.#check("offsetFetch", errorCode, `for ${key}`)
        if (Number(offset) !== NO_OFFSET) found.set(key, { offset: Number(offset), metadata: metadata ?? "" })
      }
    return found
  }

  async #ask<K extends ApiName>(
    role: "join" | "group",
    op: string,
    api: K,
    args: Args<K>,
    patience: Patience = {}
  ): Promise<Answer<K>> {
    this.#coordinator ??= this.links.coordinator(this.#group)
    const coordinator = this.#coordinator
    let address: Address | undefined
    try {
      let link: Link
      try {
        address = await coordinator
        link = this.links.get(role, address)
        await this.#opened(link, op, patience.atMost)
      } catch (error) {
        // Whatever it was, the request was not sent: its outcome is known.
        if (!(error instanceof TransportError && error.unknownOutcome) || this.links.closed) throw error
        if (address !== undefined) this.links.suspect(address)
        throw failed(op, "COORDINATOR_NOT_AVAILABLE", error.detail)
      }
      return await link.request(op, api, args, patience)
    } catch (error) {
      if (this.#coordinator === coordinator) this.#coordinator = undefined
      // One that is frozen still counts as the cluster's, and would be asked who coordinates the group now.
      if (address !== undefined && error instanceof TransportError && error.unknownOutcome) this.links.suspect(address)
      throw error
    }
  }

  /** A frozen broker's machine accepts connections that nobody greets: they are waited for no longer than the answer would be. */
  async #opened(link: Link, op: string, atMost = Number.POSITIVE_INFINITY): Promise<void> {
    const watch = Number.isFinite(atMost)
      ? setTimeout(() => link.close(`not open within ${Math.round(atMost)} ms`), atMost)
      : undefined
    try {
      await link.opened(op)
    } finally {
      clearTimeout(watch)
    }
  }

  #check(op: string, errorCode: number, about = ""): void {
    if (errorCode === 0) return
    const error = refused(op, errorCode, `the coordinator of group ${this.#group}${about === "" ? "" : ` ${about}`}`)
    if (error.code === "NOT_COORDINATOR" || error.code === "COORDINATOR_NOT_AVAILABLE") this.#coordinator = undefined
    throw error
  }
}

export const makeGroupClient = (links: Links, group: string, log: LogReader): GroupClient => {
  keepFreed()
  const kafka = new KafkaGroup(links, group)
  return {
    joinGroup: (request, given = () => {}) => attempt("joinGroup", () => kafka.join(request, given)),
    syncGroup: (member, assignments) => attempt("syncGroup", () => kafka.sync(member, assignments)),
    heartbeat: (member) => attempt("heartbeat", () => kafka.heartbeat(member)),
    leaveGroup: (memberId) => attempt("leaveGroup", () => kafka.leave(memberId)),
    offsetCommit: (member, commits) => attempt("offsetCommit", () => kafka.commit(member, commits)),
    offsetFetch: (tps) => attempt("offsetFetch", () => kafka.committed(tps)),
    abandon: Effect.sync(() => kafka.abandon()),
    fetch: (node, requests, options) => attempt("fetch", () => log.fetch(node, requests, options)),
    forget: (tp) => log.forget(tp),
    listOffsets: (tps, at) => attempt("listOffsets", () => log.offsets(tps, at)),
    metadata: (topics) => attempt("metadata", () => log.metadata(topics)),
    identify: (topic) => attempt("identify", () => identify(links, topic))
  }
}
