/**
 * Links: the connections of one client and the way to the brokers. A link has a role, so that slow requests of one kind
 * never stand before quick ones of another; a role has at most one link to a broker. Broken and stale links are replaced
 * on the next use. Nothing here sends a request twice, except a question about the cluster to another broker, also while the first one
 * still keeps its answer.
 */
import type { TransportError } from "../../Transport.ts"
import { failed, refused } from "./Errors.ts"
import { type Address, type KafkaOptions, parseAddress, showAddress } from "./KafkaOptions.ts"
import { Link } from "./Link.ts"
import { Logins } from "./Logins.ts"
import type { Answer, ApiName, Args, MetadataAnswer } from "./Protocol.ts"

/** `fetch` is for long polls, `read` for fetches that do not wait. */
export type Role = "control" | "join" | "group" | "fetch" | "read" | "produce"

const MAX_DETACHED = 4
const SUSPICION_MS = 10_000
/** After so long without an answer the next broker is asked as well. */
const IMPATIENCE_MS = 3_000

export class Links {
  readonly #options: KafkaOptions
  readonly #clientId: string
  readonly #bootstrap: ReadonlyArray<Address>
  readonly #links = new Map<string, Link>()
  /** Used no more, but listened to. */
  readonly #detached = new Set<Link>()
  /** As the last metadata answer told them. */
  #nodes = new Map<number, Address>()
  readonly #logins = new Logins()
  /** Until when brokers that left a request unanswered are asked last. */
  readonly #silent = new Map<string, number>()
  #control: Link | undefined
  #turn = 0
  #closed = false

  /** Throws TransportError where an address cannot be read. */
  constructor(options: KafkaOptions, clientId: string) {
    this.#options = options
    this.#clientId = clientId
    this.#bootstrap = options.brokers.map((text) => {
      const address = parseAddress(text)
      if (address === undefined)
        throw failed("connect", "OTHER", `"${text}" is not a broker address; write host:port`, false)
      return address
    })
    if (this.#bootstrap.length === 0) throw failed("connect", "OTHER", "no broker address is given", false)
  }

  /** Synchronous, so that requests keep the order of the calls. Throws TransportError while a broker that refused a login is not asked again. */
  get(role: Role, address: Address): Link {
    const broker = showAddress(address)
    const key = `${role} ${broker}`
    const present = this.#links.get(key)
    if (present !== undefined && !present.broken && !present.stale) return present
    present?.close("unused for too long")
    const refusal = this.#closed ? undefined : this.#logins.refusal(broker)
    if (refusal !== undefined) throw refusal
    const link = new Link(this.#options, this.#clientId, address)
    if (this.#closed) link.close("the client is closed")
    else {
      this.#links.set(key, link)
      link.opened("login").then(
        () => this.#logins.accepted(broker),
        (error: TransportError) => {
          if (error.code === "AUTHENTICATION") this.#logins.refused(broker, error)
          // Who does not answer has refused nothing.
          else this.#logins.accepted(broker)
        }
      )
    }
    return link
  }

  /** Closes all links of a role. */
  drop(role: Role, reason: string): void {
    for (const [key, link] of this.#links)
      if (key.startsWith(`${role} `)) {
        link.close(reason)
        this.#links.delete(key)
      }
  }

  /** Takes all links of a role out of use without closing them: what is under way on them may still be answered, and then ends them. */
  detach(role: Role, reason: string): void {
    for (const [key, link] of this.#links)
      if (key.startsWith(`${role} `)) {
        this.#links.delete(key)
        this.#detached.add(link)
        void link.closeWhenDone(reason).then(() => this.#detached.delete(link))
      }
    for (const link of [...this.#detached].slice(0, -MAX_DETACHED)) link.close("too many are listened to")
  }

  get closed(): boolean {
    return this.#closed
  }

  close(): void {
    this.#closed = true
    for (const link of [...this.#links.values(), ...this.#detached]) link.close("the client is closed")
    this.#links.clear()
  }

  /** Where the node is, by the last metadata. */
  node(id: number): Address | undefined {
    return this.#nodes.get(id)
  }

  /**
   * This broker left a request unanswered: for a while, what any broker can answer is asked of the others first. Where the way there forgot one
   * connection it forgot the others: an idle one for questions is not used again.
   */
  suspect(address: Address): void {
    const broker = showAddress(address)
    this.#silent.set(broker, performance.now() + SUSPICION_MS)
    const control = this.#links.get(`control ${broker}`)
    if (control?.idle) control.close("the broker left another connection unanswered")
  }

  /** A question that any broker can answer: to the one that answered last, else to each known one in turn, once; the first answer counts. */
  ask<K extends ApiName>(op: string, api: K, args: Args<K>): Promise<Answer<K>> {
    const candidates = [...this.#candidates()]
    return new Promise((resolve, reject) => {
      let error: TransportError | undefined
      let asked = 0
      let impatience: NodeJS.Timeout | undefined
      const fail = (failure: TransportError) => {
        clearTimeout(impatience)
        candidates.length = 0
        reject(failure)
      }
      const next = () => {
        clearTimeout(impatience)
        const address = candidates.shift()
        if (address === undefined) {
          if (asked === 0) fail(error ?? failed(op, "CONNECTION", "no broker is known"))
          return
        }
        asked++
        if (candidates.length > 0) impatience = setTimeout(next, IMPATIENCE_MS)
        this.#askOne(op, api, args, address).then(
          (answer) => {
            clearTimeout(impatience)
            candidates.length = 0
            resolve(answer)
          },
          (failure: TransportError) => {
            asked--
            const refused = failure.code === "AUTHENTICATION"
            if (failure.unknownOutcome) this.suspect(address)
            // One broker's certificate may be refused and another's not. Where nobody lets us in, that is what to tell.
            if (refused || error?.code !== "AUTHENTICATION") error = failure
            if ((!failure.unknownOutcome && !refused) || this.#closed) fail(failure)
            else next()
          }
        )
      }
      next()
    })
  }

  async #askOne<K extends ApiName>(op: string, api: K, args: Args<K>, address: Address): Promise<Answer<K>> {
    const link = this.get("control", address)
    const answer = await link.request(op, api, args)
    this.#control = link
    return answer
  }

  /** Fresh. Does not create topics. Errors of topics and partitions are left to the caller. */
  async metadata(topics: ReadonlyArray<string>): Promise<MetadataAnswer> {
    const answer = await this.ask("metadata", "Metadata", { topics, allowAutoTopicCreation: false })
    this.#nodes = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]))
    this.#forgetOthers()
    return answer
  }

  async coordinator(group: string): Promise<Address> {
    const answer = await this.ask("findCoordinator", "GroupCoordinator", { groupId: group })
    if (answer.errorCode !== 0)
      throw refused("findCoordinator", answer.errorCode, `the cluster, asked for group ${group},`)
    const { host, port } = answer.coordinator
    return { host, port }
  }

  #candidates(): ReadonlyArray<Address> {
    const known = [...this.#nodes.values(), ...this.#bootstrap]
    const start = this.#turn++ % known.length
    const turned = [...known.slice(start), ...known.slice(0, start)]
    const first = this.#control !== undefined && !this.#control.broken ? [this.#control.address] : []
    const all = new Map([...first, ...turned].map((address) => [showAddress(address), address]))
    const now = performance.now()
    const silent = (broker: string) => (this.#silent.get(broker) ?? 0) > now
    return [...all].sort(([a], [b]) => Number(silent(a)) - Number(silent(b))).map(([, address]) => address)
  }

  /** Links to brokers that left the cluster are closed once nothing is under way on them. */
  #forgetOthers(): void {
    const present = new Set([...this.#nodes.values(), ...this.#bootstrap].map(showAddress))
    for (const [key, link] of this.#links)
      if (link.broken || (link.stale && !present.has(showAddress(link.address)))) {
        link.close("the broker left the cluster")
        this.#links.delete(key)
      }
  }
}
