/**
 * ScrapeTarget: one endpoint whose body is taken as a round, with all its settings, and what follows from them: its id, how it is
 * called in messages, and when in its interval it is asked. Pure.
 */
import { createHash } from "node:crypto"
import type { InputFormat } from "../../metrics/text/Dump.ts"

/** A file is read for each scrape: tokens are replaced while the agent runs. @stable */
export type Secret = { readonly text: string } | { readonly file: string }

/** How a target lets the agent in, one way or the other. Never logged. @stable */
export type Authorization =
  | { readonly kind: "basic"; readonly username: string; readonly password: Secret }
  /** `Bearer <credentials>`, or another word in its place. */
  | { readonly kind: "credentials"; readonly type: string; readonly credentials: Secret }

/** Paths of PEM files, read for each scrape as well. @stable */
export interface TargetTls {
  /** Authorities; without it the system's count. */
  readonly ca?: string
  /** The agent's own certificate, with `key`. */
  readonly cert?: string
  /** Of `cert`. */
  readonly key?: string
  /** The name that the certificate must have; the URL's host where absent. */
  readonly serverName?: string
  /** Any certificate will do. */
  readonly insecure: boolean
}

/** An endpoint whose bodies become rounds. @stable */
export interface ScrapeTarget {
  /** http or https, with its path and query, without user and password. */
  readonly url: string
  /** Second part of its source id. */
  readonly name: string
  /** The job of series that have none. */
  readonly job: string
  /** For all its series that lack them; they go before the agent's. */
  readonly labels: Readonly<Record<string, string>>
  /** Ms between the starts of two scrapes. */
  readonly interval: number
  /** Ms from the first look at its credentials to the body's last byte; at most the interval. */
  readonly timeout: number
  /** Else a redirect is a failure. */
  readonly followRedirects: boolean
  /** What a body is taken for whose content type says nothing; null: then it is refused. */
  readonly fallback: InputFormat | null
  /** null: none is sent. */
  readonly authorization: Authorization | null
  /** How the endpoint is known, and what it is shown; of http nothing. */
  readonly tls: TargetTls
}

/** The URL for people and logs: what stands in a query may be a secret. */
export const shownUrl = (url: string): string => {
  const { protocol, host, pathname, search } = new URL(url)
  return `${protocol}//${host}${pathname}${search === "" ? "" : "?…"}`
}

/** Host and port, as Prometheus names a target. */
export const address = (url: string): string => {
  const { protocol, hostname, port } = new URL(url)
  return `${hostname}:${port === "" ? (protocol === "https:" ? 443 : 80) : port}`
}

/** The name of a target that has none: its URL without scheme and query. It depends on no other target. */
export const defaultName = (url: string): string => `${address(url)}${new URL(url).pathname}`

export const targetSource = (host: string, target: ScrapeTarget): string => `${host}/${target.name}`

/**
 * Ms until the next start, as Prometheus spreads them: a place in the interval that the source's hash gives, on the wall clock, so that
 * it is the same after a restart.
 */
export const untilStart = (source: string, interval: number, now: number): number => {
  const offset = createHash("md5").update(source).digest().readUInt32BE(0) % interval
  return (((offset - now) % interval) + interval) % interval
}
