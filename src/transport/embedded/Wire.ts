/**
 * Wire: a client's connections to the embedded broker. A request that nothing delays is carried out and answered in
 * the caller's own step; all others wait here, in order for each connection, as bytes in a socket do.
 *
 * A sent request is not taken back: interrupting the caller, its timeout, or closing the client only means that
 * nobody hears the answer. The one exception is `abandon`, which throws away what has not arrived.
 */
import { Duration, Effect, Exit } from "effect"
import type { TransportError } from "../Transport.ts"
import { type Answer, type Reply, refused, toError } from "./Answer.ts"
import type { Faults, Plan, Request } from "./Faults.ts"
import type { Outbox } from "./Outbox.ts"
import type { Pause } from "./Pause.ts"
import type { Timers } from "./Timers.ts"

/** One connection each: what goes over one never waits for what goes over another. */
export type Line = "join" | "heartbeat" | "commit" | "fetch" | "admin" | "produce"

/** What goes to a group's coordinator. */
const coordinators: ReadonlySet<Line> = new Set(["join", "heartbeat", "commit"])

const closed = refused("CONNECTION", "the client is closed")
const broken = refused("CONNECTION", "the connection broke")

/** One direction of one connection: first in, first out, whatever the delays. */
class Pipe {
  readonly #timers: Timers
  #queue: Array<{ readonly at: number; readonly f: () => void }> = []

  constructor(timers: Timers) {
    this.#timers = timers
  }

  send(delay: number, f: () => void): void {
    const now = this.#timers.now()
    const at = Math.max(now + delay, this.#queue.at(-1)?.at ?? 0)
    if (this.#queue.length === 0 && at <= now) {
      f()
    } else {
      this.#queue.push({ at, f })
      this.#timers.after(at - now, () => this.#drain())
    }
  }

  clear(): void {
    this.#queue = []
  }

  #drain(): void {
    while (this.#queue.length > 0 && this.#queue[0]!.at <= this.#timers.now()) this.#queue.shift()!.f()
  }
}

interface Connection {
  readonly there: Pipe
  readonly back: Pipe
}

/** A request whose outcome the client does not know yet, or whose long poll must still be ended with the client. */
interface Call {
  readonly line: Line
  readonly settle: (answer: Answer<never>) => void
  /** Where the broker waits on the caller's behalf alone (a long poll): how to stop it. */
  drop: (() => void) | undefined
  /** The broker has answered, whether or not the answer arrives. */
  over: boolean
  /** Somebody still waits. */
  heard: boolean
}

export interface WireCounts {
  openConnections: number
  requests: number
  lost: number
}

export class Wire {
  readonly #timers: Timers
  readonly #outbox: Outbox
  readonly #faults: Faults
  readonly #counts: WireCounts
  readonly #pause: Pause
  readonly #connections = new Map<Line, Connection>()
  readonly #calls = new Set<Call>()
  #closed = false

  constructor(timers: Timers, outbox: Outbox, faults: Faults, counts: WireCounts, pause: Pause) {
    this.#timers = timers
    this.#outbox = outbox
    this.#faults = faults
    this.#counts = counts
    this.#pause = pause
  }

  /**
   * `carryOut` is the broker's part; it may answer later, and returns how to stop a wait that only serves the caller.
   * `arrived` is told the answer when it arrives, whether or not the caller still waits.
   */
  request<A>(
    line: Line,
    request: Request,
    timeout: number,
    carryOut: (reply: Reply<A>) => (() => void) | undefined,
    arrived?: (answer: Answer<A>) => void
  ): Effect.Effect<A, TransportError> {
    return Effect.suspend(() => {
      if (this.#closed) return Effect.fail(toError(request.op, closed))
      this.#counts.requests++
      const plan = this.#faults.plan(request)
      const exit = (answer: Answer<A>): Exit.Exit<A, TransportError> =>
        answer.ok ? Exit.succeed(answer.value) : Exit.fail(toError(request.op, answer))
      let answer: Answer<A> | undefined
      let resume: ((exit: Exit.Exit<A, TransportError>) => void) | undefined
      const call: Call = {
        line,
        settle: (given) => settle(given),
        drop: undefined,
        over: false,
        heard: true
      }
      const settle = (given: Answer<A>) => {
        if (!this.#calls.delete(call)) return
        answer = given
        const waiting = resume
        if (waiting !== undefined && call.heard) this.#outbox.post(() => waiting(exit(given)))
      }
      this.#calls.add(call)
      this.#send(plan, call, settle, carryOut, arrived)
      if (answer !== undefined) return exit(answer)

      const wait = Effect.callback<A, TransportError>((resumeWith) => {
        if (answer !== undefined) resumeWith(exit(answer))
        else resume = resumeWith
        return Effect.sync(() => {
          call.heard = false
          if (call.over || call.drop === undefined) this.#calls.delete(call)
        })
      })
      const patience = plan.timeout ?? timeout
      if (!Number.isFinite(patience)) return wait
      return Effect.timeoutOrElse(wait, {
        duration: Duration.millis(patience),
        orElse: () => Effect.fail(toError(request.op, refused("TIMEOUT", `no answer within ${patience} ms`)))
      })
    })
  }

  /** Sends a request that is never answered. */
  tell<A>(line: Line, request: Request, carryOut: (reply: Reply<A>) => undefined): Effect.Effect<void, TransportError> {
    return Effect.suspend(() => {
      if (this.#closed) return Effect.fail(toError(request.op, closed))
      this.#counts.requests++
      const plan = this.#faults.plan(request)
      const call: Call = { line, settle: () => {}, drop: undefined, over: false, heard: false }
      this.#send<A>(plan, call, () => {}, carryOut)
      return plan.disconnect ? Effect.fail(toError(request.op, broken)) : Effect.void
    })
  }

  #send<A>(
    plan: Plan,
    call: Call,
    settle: (answer: Answer<A>) => void,
    carryOut: (reply: Reply<A>) => (() => void) | undefined,
    arrived?: (answer: Answer<A>) => void
  ): void {
    const connection = this.#open(call.line)
    const reply: Reply<A> = (answer) => {
      call.over = true
      if (!call.heard) this.#calls.delete(call)
      if (!call.heard && arrived === undefined) return
      if (plan.lose === "answer") this.#counts.lost++
      else
        connection.back.send(plan.delayAnswer ?? 0, () => {
          if (arrived !== undefined && !this.#closed && !plan.disconnect) this.#outbox.post(() => arrived(answer))
          settle(answer)
        })
    }
    const handle = () =>
      this.#outbox.turn(() => {
        if (plan.fail !== undefined) reply(refused(plan.fail, "by script"))
        else call.drop = carryOut(reply)
      })
    const arrive = coordinators.has(call.line) ? () => this.#pause.request(handle) : handle
    if (plan.lose === "request") this.#counts.lost++
    if (plan.disconnect) settle(broken)
    if (plan.lose === "request") return
    if (plan.disconnect) this.#timers.after(plan.delayRequest ?? 0, arrive)
    else connection.there.send(plan.delayRequest ?? 0, arrive)
  }

  /**
   * Closes one connection: what has not arrived yet never does, who waits for an answer is told CONNECTION. `listening`: it is only
   * used no more, and what is under way on it goes on.
   */
  abandon(line: Line, listening = false): void {
    const connection = this.#connections.get(line)
    if (connection === undefined) return
    if (!listening) {
      connection.there.clear()
      connection.back.clear()
    }
    this.#connections.delete(line)
    this.#counts.openConnections--
    this.#fail(line)
  }

  close(): void {
    this.#closed = true
    this.#counts.openConnections -= this.#connections.size
    this.#connections.clear()
    this.#fail()
  }

  #fail(line?: Line): void {
    for (const call of [...this.#calls]) {
      if (line !== undefined && call.line !== line) continue
      call.drop?.()
      call.settle(refused("CONNECTION", "the connection was closed"))
    }
  }

  #open(line: Line): Connection {
    let connection = this.#connections.get(line)
    if (connection === undefined) {
      connection = { there: new Pipe(this.#timers), back: new Pipe(this.#timers) }
      this.#connections.set(line, connection)
      this.#counts.openConnections++
    }
    return connection
  }
}
