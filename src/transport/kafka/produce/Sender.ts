/**
 * Sender: what goes to one leader. Records of many calls go in one request; several requests are in flight, never two with the same
 * partition, together at most as large as one may be, and less after one that was not answered in time, so that a slow uplink is not
 * asked for more than it carries. A leader that is not reached fails what waits for it, at once, and is tried again at its `Pace`; nothing is sent again here.
 *
 * A request counts as on its way from when it is handed to an open connection until it is answered or that connection is closed:
 * records before that can still be taken back.
 */
import { type Acks, type Compression, partitionKey, type TransportError } from "../../Transport.ts"
import { byTopic } from "../ByTopic.ts"
import { failed, refused, toTransportError } from "../connection/Errors.ts"
import { type Address, showAddress } from "../connection/KafkaOptions.ts"
import type { Link } from "../connection/Link.ts"
import type { Links } from "../connection/Links.ts"
import type { Answer } from "../connection/Protocol.ts"
import { type Backlog, type Parcel, pack } from "./Backlog.ts"
import { Pace } from "./Pace.ts"

export interface SendOptions {
  readonly acks: Acks
  readonly compression: Compression
  /** Of a request, in bytes, unless a single record is larger. */
  readonly maxRequestBytes: number
  /** Ms: how long a leader may wait for its replicas. */
  readonly ackTimeout: number
}

/** What a sender tells whoever gave it the backlogs. */
export interface Told {
  /** All partitions that this leader leads, as far as is known. */
  readonly led: () => ReadonlyArray<Backlog>
  /** Whether it still leads the partition has to be asked. */
  readonly doubted: (backlog: Backlog) => void
  /** Nothing of it is on its way any more. */
  readonly free: (backlog: Backlog) => void
  /** By how many ms this machine's clock is ahead of the leader's, as far as an answer proves. */
  readonly clockAhead: (ms: number) => void
}

const MAX_IN_FLIGHT = 5
/** Of the largest request: how far unanswered ones may lower what is in flight, and how fast answers raise it again. */
const LEAST_SHARE = 1 / 16
const REGAIN = 1 / 16
const ACKS: Readonly<Record<string, number>> = { "0": 0, "1": 1, all: -1 }

/** Calls of one moment are to go together. */
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class Sender {
  readonly #node: number
  readonly #links: Links
  readonly #options: SendOptions
  readonly #told: Told
  readonly #pace = new Pace()
  /** Of whose backlogs something waits and nothing is on its way, whose turn it is first. */
  readonly #ready = new Set<Backlog>()
  #running = false
  /** Of the largest request, what may be in flight. */
  #share = 1
  #requests = 0
  #bytes = 0
  #room: (() => void) | undefined

  constructor(node: number, links: Links, options: SendOptions, told: Told) {
    this.#node = node
    this.#links = links
    this.#options = options
    this.#told = told
  }

  /** The backlog has something to send, nothing of it is on its way, and this node leads its partition. */
  take(backlog: Backlog): void {
    this.#ready.add(backlog)
    if (this.#running) this.#room?.()
    else {
      this.#running = true
      void this.#run()
    }
  }

  /** Nothing of it is to be sent, or not here. */
  drop(backlog: Backlog): void {
    this.#ready.delete(backlog)
  }

  end(): void {
    this.#pace.end()
  }

  async #run(): Promise<void> {
    await soon()
    while (this.#ready.size > 0) {
      await this.#pace.due()
      if (this.#ready.size === 0) break
      const address = this.#links.node(this.#node)
      try {
        if (address === undefined) throw failed("produce", "NOT_LEADER", `node ${this.#node} is not in the cluster`)
        const link = this.#links.get("produce", address)
        await link.opened("produce")
        while (this.#ready.size > 0 && !link.broken) if (!this.#next(link, address)) await this.#settled()
      } catch (error) {
        this.#unreached(address, error)
      }
    }
    this.#running = false
  }

  #settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#room = () => {
        this.#room = undefined
        resolve()
      }
    })
  }

  /** Sends one more request; false where that has to wait for an answer, or for more to send. */
  #next(link: Link, address: Address): boolean {
    const alone = this.#requests === 0
    const room = this.#options.maxRequestBytes * this.#share - this.#bytes
    const parcels = this.#requests < MAX_IN_FLIGHT ? pack(this.#ready, room, alone) : []
    if (parcels.length === 0) return false
    const bytes = parcels.reduce((sum, parcel) => sum + parcel.bytes, 0)
    for (const { backlog } of parcels) {
      this.#ready.delete(backlog)
      backlog.busy = true
    }
    this.#requests++
    this.#bytes += bytes
    void this.#request(link, address, parcels).finally(() => {
      this.#requests--
      this.#bytes -= bytes
      for (const { backlog } of parcels) {
        backlog.busy = false
        this.#told.free(backlog)
      }
      this.#room?.()
    })
    return true
  }

  async #request(link: Link, address: Address, parcels: ReadonlyArray<Parcel>): Promise<void> {
    const { acks, ackTimeout, compression } = this.#options
    const sentAt = Date.now()
    try {
      const answer = await link.request("produce", "Produce", {
        acks: ACKS[String(acks)]!,
        timeout: ackTimeout,
        compression,
        topicData: byTopic(
          parcels.map(({ backlog, records }) => ({ tp: backlog.tp, records })),
          ({ tp, records }) => ({ partition: tp.partition, messages: records })
        )
      })
      this.#pace.succeeded()
      this.#share = Math.min(1, this.#share + REGAIN)
      this.#answered(answer, parcels, address, sentAt)
    } catch (caught) {
      const error = this.#ofBroker(address, caught)
      if (error.unknownOutcome) this.#links.suspect(address)
      if (error.code === "TIMEOUT") this.#share = Math.max(LEAST_SHARE, this.#share / 2)
      this.#pace.failed()
      for (const parcel of parcels) {
        // Its leader may be another one by now.
        this.#told.doubted(parcel.backlog)
        parcel.backlog.refused(parcel, error)
      }
    }
  }

  /** `answer` is undefined where none was asked for. */
  #answered(
    answer: Answer<"Produce"> | undefined,
    parcels: ReadonlyArray<Parcel>,
    address: Address,
    sentAt: number
  ): void {
    const codes = new Map<string, number>()
    let stamp = -1
    for (const { topicName, partitions } of answer?.topics ?? [])
      for (const { errorCode, logAppendTime, partition } of partitions) {
        codes.set(partitionKey({ topic: topicName, partition }), errorCode)
        if (errorCode === 0) stamp = Math.max(stamp, Number(logAppendTime ?? -1))
      }
    if (stamp >= 0) this.#told.clockAhead(proven(sentAt - stamp, Date.now() - stamp))
    for (const parcel of parcels) {
      const { backlog } = parcel
      const key = partitionKey(backlog.tp)
      const code = codes.get(key) ?? 0
      if (code === 0) {
        backlog.took(parcel)
        continue
      }
      const alike = parcels.filter((other) => codes.get(partitionKey(other.backlog.tp)) === code)
      const holds = { partitions: alike.map((other) => other.backlog.tp) }
      if (backlog.refused(parcel, refused("produce", code, `${this.#show(address)} for ${key}`, holds)))
        this.#told.doubted(backlog)
    }
  }

  /** Nothing was sent: all who wait are told. */
  #unreached(address: Address | undefined, cause: unknown): void {
    const error = address === undefined ? (cause as TransportError) : this.#ofBroker(address, cause)
    if (address !== undefined && error.unknownOutcome) this.#links.suspect(address)
    this.#pace.failed()
    for (const backlog of [...this.#ready]) {
      this.#ready.delete(backlog)
      this.#told.doubted(backlog)
      backlog.fail(error)
    }
  }

  #show(address: Address): string {
    return `broker ${showAddress(address)} (node ${this.#node})`
  }

  /** The same for all its partitions: it names the broker by address and node, and all partitions that it leads. */
  #ofBroker(address: Address, cause: unknown): TransportError {
    const error = toTransportError("produce", this.#show(address), cause, "request")
    const partitions = this.#told.led().map(({ tp }) => tp)
    const list = partitions.map(partitionKey).join(", ")
    return failed("produce", error.code, `${error.detail}; node ${this.#node}, leader of ${list}`, error.retriable, {
      broker: showAddress(address),
      partitions
    })
  }
}

/** Of a clock that is somewhere from `least` to `most` ahead: what is sure. */
const proven = (least: number, most: number): number => (least > 0 ? least : Math.min(0, most))
