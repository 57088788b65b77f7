/**
 * Browsers: under which names a browser may look at a server that lets everybody in. A page of a stranger can make its own name stand for
 * this server's address (DNS rebinding) and then read everything here as if it were its own; it cannot make an address, or a name that
 * nobody can register, stand for it. Programs are not asked: Prometheus scrapes by any name. Pure.
 */
import type { IncomingHttpHeaders } from "node:http"
import { isIP } from "node:net"

/** Every browser says its languages, with each request, whatever a page does; no Prometheus, curl or probe does. */
const isBrowser = (headers: IncomingHttpHeaders): boolean =>
  headers["accept-language"] !== undefined || headers["sec-fetch-site"] !== undefined || headers.origin !== undefined

/** Ends of names that no public name has. */
const reserved = /\.(?:localhost|local|internal|svc)$/

/** A Host header's name, without its port and the dot behind it. */
const nameOf = (host: string): string =>
  (/^\[([^\]]*)\](?::\d*)?$/.exec(host)?.[1] ?? host.replace(/:\d*$/, "")).replace(/\.$/, "").toLowerCase()

/** `known`: names that are this server's, in lower case. */
export const isRebound = (headers: IncomingHttpHeaders, known: ReadonlySet<string>): boolean => {
  if (!isBrowser(headers)) return false
  const name = nameOf(headers.host ?? "")
  return isIP(name) === 0 && name.includes(".") && !reserved.test(name) && !known.has(name)
}
