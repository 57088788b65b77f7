/**
 * Link: one connection to one broker, from TCP to a request's decoded answer. Requests go out in the order of the calls;
 * a broker answers them one at a time. A link is used until it breaks and never reconnects (a kafkajs connection that
 * does keeps half an answer of its former life); whoever holds it opens another one.
 *
 * A request that timed out breaks the link: what comes late is read by nobody, what was sent behind it is not stuck. Firewalls forget
 * connections without a word: one that was unused for a while is asked for a sign of life in the same breath as what is sent on it,
 * and breaks when that does not come soon, long before the request itself would be given up.
 */
import { createConnection, isIP, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import Connection, { type Logger, type SocketFactoryArguments } from "kafkajs/src/network/connection.js"
import type { Versions } from "kafkajs/src/protocol/requests/index.js"
import { AnswerReader } from "./AnswerReader.ts"
import { sendDirectly } from "./DirectSend.ts"
import { LinkClosed, refused, toTransportError } from "./Errors.ts"
import { type Address, type KafkaOptions, showAddress } from "./KafkaOptions.ts"
import { loginNow } from "./Password.ts"
import {
  type Answer,
  type ApiName,
  type Args,
  apiVersionsRequest,
  encode,
  type Question,
  supports,
  versionsOf
} from "./Protocol.ts"
import "./RequestQueuePatch.ts"

/** Everything kafkajs logs reaches the caller as an error too, and is logged there, once. */
const silent: Logger = { info() {}, error() {}, warn() {}, debug() {}, namespace: () => silent }

/** Brokers and load balancers drop idle connections (Event Hubs after 240 s), some without saying so. */
const MAX_IDLE_MS = 60_000
/** Unused for longer, a connection is asked for a sign of life; that long is waited for it, or for the greeting, at most. */
const TRUSTED_IDLE_MS = 5_000
const SIGN_OF_LIFE_MS = 10_000
/** What is sent on an idle connection so that nobody on the way forgets it; unanswered for ten seconds more, it is closed. */
const KEEP_ALIVE_MS = 10_000

/** What one read of a socket takes at most, but for the rest of a large answer. The buffer is used over and over. */
const READ_BYTES = 64 * 1024

/** Milliseconds to wait for an answer where the usual ones do not fit. */
export interface Patience {
  readonly atLeast?: number
  readonly atMost?: number
}

export class Link {
  readonly address: Address
  readonly #requestTimeout: number
  readonly #connection: Connection
  readonly #answers: AnswerReader
  readonly #ready: Promise<Versions>
  #socket: Socket | undefined
  #connected = false
  #broken = false
  /** The last failure below SASL: kafkajs turns every failure of a login into "authentication failed". */
  #lastFailure: unknown
  #inflight = 0
  #settled: (() => void) | undefined
  #usedAt = performance.now()
  readonly #signOfLife: number
  readonly #loginTrouble: string

  constructor(options: KafkaOptions, clientId: string, address: Address) {
    this.address = address
    this.#requestTimeout = options.requestTimeout
    this.#signOfLife = Math.min(SIGN_OF_LIFE_MS, options.requestTimeout)
    const login = options.sasl && loginNow(options.sasl)
    this.#loginTrouble = login?.trouble ?? ""
    this.#connection = new Connection({
      ...address,
      clientId,
      logger: silent,
      socketFactory: (args) => this.#open(args),
      requestTimeout: options.requestTimeout,
      connectionTimeout: options.connectionTimeout,
      enforceRequestTimeout: true,
      ssl: options.tls ?? null,
      sasl: login?.sasl ?? null
    })
    const send = this.#connection.send.bind(this.#connection)
    this.#connection.send = (request) =>
      send(request).catch((error: unknown) => {
        this.#lastFailure = error
        throw error
      })
    const rawLogin = this.#connection.processData.bind(this.#connection)
    this.#answers = new AnswerReader((answer) =>
      this.#connection.requestQueue.fulfillRequest({
        correlationId: answer.readInt32BE(0),
        size: answer.length,
        payload: answer.subarray(4)
      })
    )
    // kafkajs gathers what comes in a list of buffers and joins them anew; at the pace of fetches that is a third of the cost.
    this.#connection.processData = (bytes) => {
      if (this.#connection.authHandlers !== null) return rawLogin(Buffer.from(bytes))
      try {
        this.#answers.feed(bytes)
      } catch (error) {
        this.close((error as Error).message)
      }
    }
    this.#ready = this.#setUp()
    this.#ready.catch(() => this.close("the connection could not be set up"))
  }

  get broken(): boolean {
    return this.#broken
  }

  get idle(): boolean {
    return this.#inflight === 0
  }

  /** Nothing under way, and so long unused that the other side may have dropped it. */
  get stale(): boolean {
    return this.idle && performance.now() - this.#usedAt > MAX_IDLE_MS
  }

  /** Until requests can be sent. Rejects with TransportError: nothing was sent then. */
  async opened(op: string): Promise<void> {
    await this.#ready.catch((error: unknown) => {
      throw toTransportError(op, this.#where(), this.#cause(error), "setup")
    })
  }

  /** Rejects with TransportError, and only with it. The link breaks where there is no answer in time. */
  async request<K extends ApiName>(op: string, api: K, args: Args<K>, patience: Patience = {}): Promise<Answer<K>> {
    const { atLeast = 0, atMost = Number.POSITIVE_INFINITY } = patience
    let watch: NodeJS.Timeout | undefined
    try {
      return (await this.exchange(op, (versions) => {
        // kafkajs' own watch can only be made longer.
        if (atMost < this.#requestTimeout)
          watch = setTimeout(() => this.close(`no answer within ${Math.round(atMost)} ms`), atMost)
        const request = encode(versions, api, args)
        return { ...request, requestTimeout: Math.max(atLeast, request.requestTimeout ?? 0) }
      })) as Answer<K>
    } finally {
      clearTimeout(watch)
    }
  }

  /** As `request`, for those who decode by themselves. The decoder sees the answer's body. */
  async exchange(op: string, build: (versions: Versions) => Question): Promise<unknown> {
    const idle = this.idle && performance.now() - this.#usedAt > TRUSTED_IDLE_MS
    this.#inflight++
    try {
      const versions = await this.#ready.catch((error: unknown) => {
        throw toTransportError(op, this.#where(), this.#cause(error), "setup")
      })
      if (this.#broken) throw new LinkClosed("the connection is closed")
      const request = build(versions)
      if (idle) this.#askForSignOfLife(versions)
      const answer =
        request.body === undefined
          ? await this.#connection.send({
              ...request,
              response: { decode: request.response.decode, parse: (decoded) => decoded },
              logResponseError: false
            })
          : await sendDirectly(this.#connection, this.#socket!, request, await request.body())
      await this.#drained()
      return answer
    } catch (error) {
      const failure = toTransportError(op, this.#where(), this.#cause(error), "request")
      if (failure.unknownOutcome || failure.code === "AUTHENTICATION") this.close(failure.detail)
      throw failure
    } finally {
      this.#inflight--
      this.#usedAt = performance.now()
      this.#settled?.()
    }
  }

  /** When all that is under way has its answer, or none can come any more. */
  async closeWhenDone(reason: string): Promise<void> {
    while (this.#inflight > 0 && !this.#broken)
      await new Promise<void>((resolve) => {
        this.#settled = resolve
      })
    this.close(reason)
  }

  /** At once: requests under way fail with CONNECTION, the socket is destroyed, no timer stays. */
  close(reason: string): void {
    if (this.#broken) return
    this.#broken = true
    this.#connection.rejectRequests(new LinkClosed(reason))
    this.#connection.requestQueue.destroy()
    // A request that is being encoded at this moment then fails too, instead of waiting for ever.
    this.#connection.connectionStatus = "disconnected"
    // With an error while it is still connecting: that is what ends kafkajs' wait and its timer.
    this.#socket?.destroy(this.#connected ? undefined : new Error(reason))
  }

  /** About nothing: every broker answers it at any time, and it is small, so that it does not wait behind what a slow line still has to carry. */
  #askForSignOfLife(versions: Versions): void {
    const question = encode(versions, "Metadata", { topics: [], allowAutoTopicCreation: false })
    // Its failure is the link's, which the request behind it tells.
    this.#within(this.#signOfLife, this.#connection.send({ ...question, logResponseError: false })).catch(() => {})
  }

  /** Without an answer in time the link breaks. kafkajs' own watch can only be made longer. */
  async #within<A>(ms: number, answer: Promise<A>): Promise<A> {
    const watch = setTimeout(() => this.close(`no sign of life within ${ms / 1000} s`), ms)
    try {
      return await answer
    } finally {
      clearTimeout(watch)
    }
  }

  async #setUp(): Promise<Versions> {
    await this.#connection.connect()
    const greeting = this.#connection.send({
      ...apiVersionsRequest,
      response: { decode: apiVersionsRequest.response.decode, parse: (decoded) => decoded }
    })
    const answer = (await this.#within(this.#signOfLife, greeting)) as Answer<"ApiVersions">
    if (answer.errorCode !== 0) throw refused("apiVersions", answer.errorCode, this.#where())
    const versions = versionsOf(answer)
    this.#connection.setVersions(versions)
    this.#connection.setSupportAuthenticationProtocol(supports(versions, "SaslAuthenticate"))
    await this.#connection.authenticate()
    return versions
  }

  #open({ host, port, ssl, onConnect }: SocketFactoryArguments): Socket {
    const connected = () => {
      this.#connected = true
      onConnect()
    }
    const socket = ssl
      ? connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, connected)
      : createConnection({ host, port, onread: this.#reading() }, connected)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    this.#socket = socket
    const broken = () => this.close("the broker closed the connection")
    socket.once("end", broken)
    socket.once("close", broken)
    return socket
  }

  /** Instead of "data" events with a new buffer each; node's TLS sockets have no such thing. */
  #reading() {
    const usual = Buffer.allocUnsafeSlow(READ_BYTES)
    let space: Uint8Array | undefined
    return {
      // Asked anew after each read.
      buffer: () => {
        space = this.#answers.space()
        return space ?? usual
      },
      callback: (read: number) => {
        if (space === undefined) this.#connection.processData(usual.subarray(0, read))
        else this.#answers.filled(read)
        return true
      }
    }
  }

  /** A request without an answer (acks 0) is only as good as sent: what the socket cannot take is waited for. */
  async #drained(): Promise<void> {
    const socket = this.#socket
    if (socket === undefined || !socket.writableNeedDrain || this.#broken) return
    await new Promise<void>((resolve) => {
      const watch = setTimeout(
        () => this.close(`nothing was taken for ${this.#requestTimeout / 1000} s`),
        this.#requestTimeout
      )
      const done = () => {
        clearTimeout(watch)
        socket.off("drain", done)
        socket.off("close", done)
        resolve()
      }
      socket.once("drain", done)
      socket.once("close", done)
    })
  }

  #cause(error: unknown): unknown {
    return (error as { name?: unknown }).name === "KafkaJSSASLAuthenticationError" && this.#lastFailure !== undefined
      ? this.#lastFailure
      : error
  }

  #where(): string {
    return `broker ${showAddress(this.address)}${this.#loginTrouble}`
  }
}
