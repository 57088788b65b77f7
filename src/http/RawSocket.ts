/**
 * RawSocket: the TCP socket below a TLS one. Connections, turns and resets are about the TCP connection, which is there before a handshake; a
 * request knows the TLS socket alone.
 */
import type { Socket } from "node:net"
import { TLSSocket } from "node:tls"

const raw = new WeakMap<Socket, Socket>()

export const standsOn = (socket: TLSSocket, below: Socket): void => void raw.set(socket, below)

export const rawOf = (socket: Socket): Socket => raw.get(socket) ?? socket

/** Ends it with a reset, so that nothing that waits in the kernel stays; a TLS connection of somebody else's server just ends. */
export const reset = (socket: Socket): void => {
  const below = rawOf(socket)
  if (below instanceof TLSSocket) below.destroy()
  else below.resetAndDestroy()
}
