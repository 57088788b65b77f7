/**
 * Encryption: node's HTTPS server with a configuration that may change: new connections follow the newest. It owns the handshake, which is
 * bounded in time, and what is asked of client certificates; above it everything is as with plain HTTP, of which it offers 1.1 alone.
 */
import type { ServerOptions } from "node:http"
import { createServer, type Server } from "node:https"
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { rawOf, standsOn } from "./RawSocket.ts"
import { certificateProblem, shownBy } from "./web/ClientCertificate.ts"
import type { TlsConfig } from "./web/TlsConfig.ts"

/** Ms. */
const handshakeTimeout = 10_000

const failures: Readonly<Record<string, string>> = {
  ERR_SSL_HTTP_REQUEST: "it speaks plain HTTP",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "its version of TLS is not spoken here",
  ERR_SSL_NO_SHARED_CIPHER: "it shares no cipher suite",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "it does not trust this server's certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "it does not accept this server's certificate",
  ERR_TLS_HANDSHAKE_TIMEOUT: "its handshake took too long"
}

/** `tls`: the handshake failed; `certificate`: the client's is not accepted. The words say why. */
export type Turned = (why: "tls" | "certificate", socket: Socket, words: string) => void

/** Both ends' of a connection, which no two have at a time. */
const endsOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`

const asks = ({ clientAuth }: TlsConfig): boolean => clientAuth !== "NoClientCert"

export interface Encrypted {
  readonly server: Server
  /** New connections get these. */
  readonly renew: (tls: TlsConfig) => void
}

export const encrypted = (options: ServerOptions, first: TlsConfig, turned: Turned): Encrypted => {
  let tls = first
  const server = createServer({
    ...options,
    ...tls.context,
    handshakeTimeout,
    ALPNProtocols: ["http/1.1"],
    // It is asked for here and judged below, with words.
    requestCert: asks(tls),
    rejectUnauthorized: false
  })
  const raw = new Map<string, Socket>()
  server.prependListener("connection", (socket: Socket) => {
    const ends = endsOf(socket)
    raw.set(ends, socket)
    socket.once("close", () => {
      if (raw.get(ends) === socket) raw.delete(ends)
    })
  })
  server.prependListener("secureConnection", (socket: TLSSocket) => {
    const below = raw.get(endsOf(socket))
    if (below !== undefined) standsOn(socket, below)
    const problem = certificateProblem(tls, shownBy(socket))
    if (problem === undefined) return
    turned("certificate", rawOf(socket), problem)
    socket.destroy()
  })
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
    const code = error.code ?? ""
    // It left: a probe of the port, or a client that does not trust this server and does not say so.
    if (code !== "ECONNRESET")
      turned("tls", socket, Object.hasOwn(failures, code) ? failures[code]! : `the handshake failed (${code})`)
    socket.destroy()
  })
  return {
    server,
    renew: (next) => {
      tls = next
      server.setSecureContext(next.context)
      // Which of them are asked for a certificate: node has no function for it, but looks here for each connection.
      Object.assign(server, { requestCert: asks(next) })
    }
  }
}
