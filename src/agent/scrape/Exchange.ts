/**
 * Exchange: one scrape of one endpoint over HTTP, from the credentials to the body's last byte, as Prometheus does it: its headers, gzip,
 * up to ten redirects, 200 alone is an answer. The body is bounded while it is read, unpacked; one that ends early is a failure. It
 * waits for as long as it takes: whoever asks aborts. Each target has its own connection, kept between scrapes.
 *
 * Credentials go to the host of the target's own URL alone, and never from https to http.
 */
import { readFile } from "node:fs/promises"
import * as http from "node:http"
import * as https from "node:https"
import { pipeline } from "node:stream"
import { createGunzip } from "node:zlib"
import { version } from "../../version.ts"
import { quotedPiece } from "./ScrapeBody.ts"
import { type ScrapeTarget, type Secret, shownUrl, type TargetTls } from "./ScrapeTarget.ts"

/** Why an endpoint gave no body. @experimental */
export type FailureReason = "unreachable" | "status" | "redirect" | "credentials" | "body" | "too-large" | "no-room"

/** A scrape without a body. The message is for people: one line, no secret in it. */
export class ScrapeFailure extends Error {
  readonly reason: FailureReason
  constructor(reason: FailureReason, message: string) {
    super(message)
    this.reason = reason
  }
}

export interface Answer {
  readonly body: Buffer
  /** "" where it says none. */
  readonly contentType: string
}

export interface ReadLimits {
  /** Of a body, unpacked. */
  readonly maxBytes: number
  /** Whether so many bytes of this body may be held now. */
  readonly room: (bytes: number) => boolean
}

const maxRedirects = 10
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** What Prometheus 3 sends, but for the name: exporters choose the format by it. */
const accept =
  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5," +
  "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
const userAgent = `Prometheus/3 kafka2prom/${version}`

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : ""

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection is refused: nothing listens there",
  ECONNRESET: "the connection was closed before the whole answer came",
  ENOTFOUND: "its host name is not known",
  EHOSTUNREACH: "its host is not reached",
  ENETUNREACH: "its network is not reached"
}

const describe = (error: unknown): string => {
  const known = words[codeOf(error)]
  if (known !== undefined) return known
  // OpenSSL's message is for its own people, its reason is for all.
  if (error instanceof Error && "reason" in error && typeof error.reason === "string")
    return quotedPiece(`TLS fails: ${error.reason}`).slice(1, -1)
  return quotedPiece(error instanceof Error ? error.message : String(error)).slice(1, -1)
}

const readSecret = async (what: string, path: string): Promise<string> => {
  try {
    return await readFile(path, "utf8")
  } catch (error) {
    throw new ScrapeFailure("credentials", `the ${what} ${path} cannot be read (${codeOf(error)})`)
  }
}

const secretText = async (what: string, secret: Secret): Promise<string> => {
  if ("text" in secret) return secret.text
  const text = (await readSecret(what, secret.file)).trim()
  // The HTTP client would quote it.
  if (/[^\t\x20-\x7e\x80-\xff]/.test(text))
    throw new ScrapeFailure("credentials", `the ${what} ${secret.file} holds what no header may carry`)
  return text
}

const authorizationOf = async ({ authorization }: ScrapeTarget): Promise<string | null> => {
  if (authorization === null) return null
  if (authorization.kind === "credentials")
    return `${authorization.type} ${await secretText("credentials_file", authorization.credentials)}`
  const password = await secretText("password_file", authorization.password)
  return `Basic ${Buffer.from(`${authorization.username}:${password}`).toString("base64")}`
}

const tlsOptions = async ({ ca, cert, key, serverName, insecure }: TargetTls): Promise<https.AgentOptions> => ({
  ...(ca === undefined ? {} : { ca: await readSecret("ca_file", ca) }),
  ...(cert === undefined ? {} : { cert: await readSecret("cert_file", cert) }),
  ...(key === undefined ? {} : { key: await readSecret("key_file", key) }),
  ...(serverName === undefined ? {} : { servername: serverName }),
  rejectUnauthorized: !insecure
})

const collect = async (source: AsyncIterable<Buffer>, { maxBytes, room }: ReadLimits): Promise<Buffer> => {
  const pieces: Array<Buffer> = []
  let bytes = 0
  for await (const piece of source) {
    bytes += piece.length
    if (bytes > maxBytes) throw new ScrapeFailure("too-large", `its body is larger than ${maxBytes} bytes`)
    if (!room(bytes)) throw new ScrapeFailure("no-room", "the rounds that wait for the log fill the buffer")
    pieces.push(piece)
  }
  return Buffer.concat(pieces, bytes)
}

const readBody = async (response: http.IncomingMessage, limits: ReadLimits): Promise<Buffer> => {
  const encoding = response.headers["content-encoding"] ?? "identity"
  try {
    if (encoding === "gzip")
      // What fails on the way ends the stream that is read with it.
      return await collect(
        pipeline(response, createGunzip(), () => {}),
        limits
      )
    if (encoding === "identity") return await collect(response, limits)
  } catch (error) {
    if (error instanceof ScrapeFailure) throw error
    throw new ScrapeFailure("body", `its body ends early or cannot be unpacked (${describe(error)})`)
  }
  throw new ScrapeFailure("body", `its body is packed as ${quotedPiece(encoding)}, which nobody asked for`)
}

const agentOf = (url: URL, options: https.AgentOptions): http.Agent =>
  url.protocol === "https:" ? new https.Agent(options) : new http.Agent(options)

/** A target's end of its exchanges. */
export class Exchange {
  private readonly target: ScrapeTarget
  private agent: http.Agent | undefined
  private tls = ""

  constructor(target: ScrapeTarget) {
    this.target = target
  }

  /** Rejects with a ScrapeFailure. */
  async scrape(signal: AbortSignal, limits: ReadLimits): Promise<Answer> {
    const { target } = this
    const authorization = await authorizationOf(target)
    const tls = await tlsOptions(target.tls)
    const own = this.agentFor(tls)
    const first = new URL(target.url)
    let url = first
    for (let hop = 0; ; hop++) {
      const trusted = url.hostname === first.hostname && (url.protocol === "https:" || first.protocol === "http:")
      const response = await this.request(url, {
        signal,
        // Elsewhere a connection is not kept: a host that redirects to ever other ones would fill the table of sockets.
        agent: url.origin === first.origin ? own : agentOf(url, { ...tls, keepAlive: false }),
        headers: {
          Accept: accept,
          "Accept-Encoding": "gzip",
          "User-Agent": userAgent,
          "X-Prometheus-Scrape-Timeout-Seconds": String(target.timeout / 1000),
          ...(authorization !== null && trusted ? { Authorization: authorization } : {})
        }
      })
      const { statusCode = 0, headers } = response
      try {
        if (statusCode === 200)
          return { body: await readBody(response, limits), contentType: headers["content-type"] ?? "" }
      } finally {
        // What was not read to its end would hold the connection.
        response.destroy()
      }
      const { location } = headers
      if (!target.followRedirects || !redirects.has(statusCode) || location === undefined)
        throw new ScrapeFailure("status", `it answers HTTP ${statusCode}`)
      if (hop === maxRedirects) throw new ScrapeFailure("redirect", `it redirects more than ${maxRedirects} times`)
      url = this.next(url, location)
    }
  }

  close(): void {
    this.agent?.destroy()
  }

  private next(url: URL, location: string): URL {
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined
    if (next === undefined || (next.protocol !== "http:" && next.protocol !== "https:"))
      throw new ScrapeFailure("redirect", `it redirects to ${quotedPiece(location)}, which is no HTTP URL`)
    next.username = next.password = ""
    return next
  }

  /** A new one, with new connections, where the files of its certificates have changed. */
  private agentFor(tls: https.AgentOptions): http.Agent {
    const key = JSON.stringify(tls)
    if (this.agent !== undefined && key === this.tls) return this.agent
    this.agent?.destroy()
    this.tls = key
    this.agent = agentOf(new URL(this.target.url), { ...tls, keepAlive: true, maxSockets: 1, maxFreeSockets: 1 })
    return this.agent
  }

  private async request(url: URL, options: http.RequestOptions): Promise<http.IncomingMessage> {
    for (let again = false; ; again = true) {
      try {
        return await new Promise<http.IncomingMessage>((resolve, reject) => {
          const request = url.protocol === "https:" ? https.get(url, options, resolve) : http.get(url, options, resolve)
          request.on("error", (error) => reject(Object.assign(error, { reused: request.reusedSocket })))
        })
      } catch (error) {
        // It closed the kept connection while the request was on its way, as it may at any time.
        const stale = error instanceof Error && "reused" in error && error.reused === true
        if (stale && !again && /^(ECONNRESET|EPIPE)$/.test(codeOf(error))) continue
        throw new ScrapeFailure("unreachable", `${describe(error)} (${shownUrl(url.href)})`)
      }
    }
  }
}
