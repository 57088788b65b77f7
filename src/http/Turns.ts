/**
 * Turns: in which order requests are answered. A connection's requests are answered one after the other, however many were sent at once
 * (pipelining); of the clients with requests each has one begun in a turn of the event loop. So what one client asks for, on however
 * many connections, delays another's request by one answer at most. What waits behind an answer is bounded: Prometheus and browsers
 * send nothing before they have their answer. Synchronous, but for the turn.
 */
import type { Socket } from "node:net"
import { clientOf } from "./ClientAddress.ts"

/** Requests of one connection that wait behind the one that is being answered. */
export const maxWaiting = 16

interface Connection {
  readonly client: string
  readonly waiting: Array<() => void>
}

export class Turns {
  /** On which an answer is under way, or about to begin. */
  private readonly busy = new Map<Socket, Connection>()
  /** What may begin, by client; the clients in the order of their turns. */
  private readonly ready = new Map<string, Array<() => void>>()
  private scheduled = false

  /** Calls `begin` when it is the request's turn. False, and nothing is kept, where too many of its connection wait. */
  add(socket: Socket, begin: () => void): boolean {
    const connection = this.busy.get(socket)
    if (connection !== undefined) {
      if (connection.waiting.length === maxWaiting) return false
      connection.waiting.push(begin)
      return true
    }
    const client = clientOf(socket.remoteAddress)
    this.busy.set(socket, { client, waiting: [] })
    this.queue(client, begin)
    return true
  }

  /** The answer has ended. */
  ended(socket: Socket): void {
    const connection = this.busy.get(socket)
    if (connection === undefined) return
    const next = connection.waiting.shift()
    if (next === undefined) this.busy.delete(socket)
    else this.queue(connection.client, next)
  }

  /** The connection has ended: what waited on it is dropped; what is in its turn's line is told by the socket that it comes too late. */
  gone(socket: Socket): void {
    this.busy.delete(socket)
  }

  private queue(client: string, begin: () => void): void {
    const line = this.ready.get(client)
    if (line === undefined) this.ready.set(client, [begin])
    else line.push(begin)
    if (this.scheduled) return
    this.scheduled = true
    // At once where nobody else waits: a scrape's cut is to be as near to its arrival as it can.
    queueMicrotask(() => this.turn())
  }

  private turn(): void {
    this.scheduled = false
    for (const [client, line] of [...this.ready]) {
      const begin = line.shift()
      if (line.length === 0) this.ready.delete(client)
      begin?.()
    }
    if (this.ready.size === 0 || this.scheduled) return
    this.scheduled = true
    setImmediate(() => this.turn())
  }
}
