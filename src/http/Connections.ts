/**
 * Connections: how many there may be, in all and of one client. A new one that is too many takes the place of one on which nothing is
 * being answered (it said nothing yet, says it slowly, or is kept for later): of its own client where that has its share,
 * else of the client that has most. So who only connects, however often, keeps neither a probe nor a scrape out. It is refused
 * where there is no such connection. Synchronous.
 */
import type { Socket } from "node:net"
import { clientOf } from "./ClientAddress.ts"

export interface ConnectionBounds {
  readonly all: number
  readonly ofClient: number
}

export const connectionBounds: ConnectionBounds = { all: 512, ofClient: 128 }

/** `idle`: it had to make room. `refused`: there was none. */
export type Closed = (why: "idle" | "refused", client: string) => void

interface Client {
  readonly name: string
  readonly sockets: Set<Socket>
  /** Those on which nothing is being answered, the one that is so for longest first. */
  readonly idle: Set<Socket>
}

interface Open {
  readonly client: Client
  /** Under way. */
  answers: number
}

export class Connections {
  private readonly bounds: ConnectionBounds
  private readonly closed: Closed
  private readonly clients = new Map<string, Client>()
  private readonly open = new Map<Socket, Open>()

  constructor(bounds: ConnectionBounds, closed: Closed) {
    this.bounds = bounds
    this.closed = closed
  }

  arrived(socket: Socket): void {
    const name = clientOf(socket.remoteAddress)
    const client = this.clients.get(name) ?? { name, sockets: new Set(), idle: new Set() }
    if (!this.makeRoom(client)) {
      this.closed("refused", name)
      socket.destroy()
      return
    }
    this.clients.set(name, client)
    client.sockets.add(socket)
    client.idle.add(socket)
    this.open.set(socket, { client, answers: 0 })
    socket.once("close", () => this.forget(socket))
  }

  /** An answer on it. */
  begins(socket: Socket): void {
    const connection = this.open.get(socket)
    if (connection === undefined) return
    connection.answers += 1
    connection.client.idle.delete(socket)
  }

  ends(socket: Socket): void {
    const connection = this.open.get(socket)
    if (connection === undefined) return
    connection.answers -= 1
    if (connection.answers === 0) connection.client.idle.add(socket)
  }

  /** False where there is none to be made. */
  private makeRoom(client: Client): boolean {
    if (client.sockets.size >= this.bounds.ofClient) return this.closeIdle(client)
    if (this.open.size < this.bounds.all) return true
    let most: Client | undefined
    for (const each of this.clients.values())
      if (each.idle.size > 0 && (most === undefined || each.sockets.size > most.sockets.size)) most = each
    return most !== undefined && this.closeIdle(most)
  }

  private closeIdle({ name, idle }: Client): boolean {
    const [socket] = idle
    if (socket === undefined) return false
    this.forget(socket)
    this.closed("idle", name)
    socket.destroy()
    return true
  }

  private forget(socket: Socket): void {
    const connection = this.open.get(socket)
    if (connection === undefined) return
    const { name, sockets, idle } = connection.client
    this.open.delete(socket)
    sockets.delete(socket)
    idle.delete(socket)
    if (sockets.size === 0) this.clients.delete(name)
  }
}
