/**
 * Connections: how many there may be, in all and of one client. A new one that is too many takes the place of another: where its client has
 * its share, of one of its own on which nothing is being answered (it said nothing yet, says it slowly, or is kept for later); else of
 * one of the client that has most, the one that is busy for longest where all are. So a few clients keep neither a probe nor a
 * scrape out, whatever they do on their connections. It is refused where its own client has most, and all of those are busy. Synchronous.
 */
import type { Socket } from "node:net"
import { clientOf } from "./ClientAddress.ts"

export interface ConnectionBounds {
  readonly all: number
  readonly ofClient: number
}

export const connectionBounds: ConnectionBounds = { all: 512, ofClient: 128 }

/** `idle`, `busy`: one of these had to make room. `refused`: there was none. */
export type Closed = (why: "idle" | "busy" | "refused", client: string) => void

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
    if (client.sockets.size >= this.bounds.ofClient) return this.close(client, false)
    if (this.open.size < this.bounds.all) return true
    let most = client
    for (const each of this.clients.values()) if (each.sockets.size > most.sockets.size) most = each
    return this.close(most, most !== client)
  }

  private close({ name, idle, sockets }: Client, alsoBusy: boolean): boolean {
    const [socket = alsoBusy ? [...sockets][0] : undefined] = idle
    if (socket === undefined) return false
    const why = idle.has(socket) ? "idle" : "busy"
    this.forget(socket)
    this.closed(why, name)
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
