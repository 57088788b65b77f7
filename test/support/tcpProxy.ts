/**
 * TcpProxy: a way to one server on loopback that a test can cut, stall in one or both directions, make late, and heal. Gate: the
 * same for a row of servers, all of one client's ways at once. What a stall holds is delivered in order when it is healed, late,
 * as a network that comes back does; what a cut took is gone and both ends see a reset. Bytes pass unread.
 */
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"

export interface Directions {
  readonly toServer: boolean
  readonly toClient: boolean
}

/** What can be done to a way, or to several. */
export interface Faults {
  /** Resets all connections and every new one. */
  readonly cut: () => void
  /** Holds what is sent in these directions; new connections are taken, and held too. */
  readonly stall: (directions: Directions) => void
  /** Connections that are open now carry nothing any more, and nobody is told; new ones do. As a firewall that forgot them. */
  readonly forget: () => void
  /** What is sent from now on arrives so many ms later, in each direction; a round trip takes twice that. */
  readonly delay: (ms: number) => void
  /** No fault any more. */
  readonly heal: () => void
  readonly close: () => Promise<void>
}

export interface TcpProxy extends Faults {
  readonly port: number
  /** The server's port on loopback. Before it is known, connections are reset. */
  readonly aim: (port: number) => void
}

export interface Gate extends Faults {
  readonly ports: ReadonlyArray<number>
  readonly aim: (ports: ReadonlyArray<number>) => void
}

const flowing: Directions = { toServer: false, toClient: false }

/** Everything from one socket to the other, in order, the end included, `late` ms late; nothing while it is held. */
const pump = (from: Socket, to: Socket, held: () => boolean, late: () => number): void => {
  if (held()) from.pause()
  /** On its way: what is done when it arrives. */
  const travelling: Array<{ readonly due: number; readonly arrive: () => void }> = []
  const arrivals = () => {
    while (travelling.length > 0 && travelling[0]!.due <= performance.now()) travelling.shift()!.arrive()
    if (travelling.length > 0) setTimeout(arrivals, Math.max(1, travelling[0]!.due - performance.now()))
  }
  const travel = (arrive: () => void) => {
    if (late() === 0 && travelling.length === 0) arrive()
    else if (travelling.push({ due: performance.now() + late(), arrive }) === 1) setTimeout(arrivals, late())
  }
  from.on("data", (bytes) =>
    travel(() => {
      if (!to.destroyed && !to.write(bytes)) from.pause()
    })
  )
  to.on("drain", () => {
    if (!held()) from.resume()
  })
  from.on("end", () => travel(() => to.end()))
  // A reset of one side is passed on by `close`, which follows.
  from.on("error", () => {})
  from.on("close", (reset) => {
    if (reset) to.resetAndDestroy()
  })
}

export const openProxy = async (): Promise<TcpProxy> => {
  let target: number | undefined
  let severed = false
  let stalled = flowing
  let lateness = 0
  const late = () => lateness
  const pairs = new Set<{ readonly client: Socket; readonly server: Socket; forgotten: boolean }>()

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (target === undefined || severed) {
      client.on("error", () => {})
      client.resetAndDestroy()
      return
    }
    const server = connect({ port: target, host: "127.0.0.1", allowHalfOpen: true, noDelay: true })
    const pair = { client, server, forgotten: false }
    pairs.add(pair)
    pump(client, server, () => stalled.toServer || pair.forgotten, late)
    pump(server, client, () => stalled.toClient || pair.forgotten, late)
    const forget = () => {
      if (client.closed && server.closed) pairs.delete(pair)
    }
    client.once("close", forget)
    server.once("close", forget)
  }).listen(0, "127.0.0.1")
  await once(listener, "listening")

  const setFlow = (next: Directions): void => {
    stalled = next
    for (const { client, forgotten, server } of pairs)
      for (const [from, to, held] of [
        [client, server, next.toServer || forgotten],
        [server, client, next.toClient || forgotten]
      ] as const)
        if (held) from.pause()
        else if (!to.writableNeedDrain) from.resume()
  }
  const reset = (): void => {
    for (const { client, server } of pairs) {
      client.resetAndDestroy()
      server.resetAndDestroy()
    }
  }

  return {
    port: (listener.address() as { port: number }).port,
    aim: (port) => {
      target = port
    },
    cut: () => {
      severed = true
      reset()
    },
    stall: setFlow,
    forget: () => {
      for (const pair of pairs) pair.forgotten = true
      setFlow(stalled)
    },
    delay: (ms) => {
      lateness = ms
    },
    heal: () => {
      severed = false
      lateness = 0
      setFlow(flowing)
    },
    close: async () => {
      severed = true
      reset()
      await new Promise((resolve) => listener.close(resolve))
    }
  }
}

export const openGate = async (width: number): Promise<Gate> => {
  const proxies = await Promise.all(Array.from({ length: width }, openProxy))
  const each = (action: (proxy: TcpProxy, i: number) => void) => proxies.forEach(action)
  return {
    ports: proxies.map((proxy) => proxy.port),
    aim: (ports) => each((proxy, i) => proxy.aim(ports[i]!)),
    cut: () => each((proxy) => proxy.cut()),
    stall: (directions) => each((proxy) => proxy.stall(directions)),
    forget: () => each((proxy) => proxy.forget()),
    delay: (ms) => each((proxy) => proxy.delay(ms)),
    heal: () => each((proxy) => proxy.heal()),
    close: async () => {
      await Promise.all(proxies.map((proxy) => proxy.close()))
    }
  }
}
