/**
 * WebSettings: what the file of `--web.config.file` says, in the format of Prometheus' exporter-toolkit: its fields, their values and
 * defaults, as texts and numbers. Files that it names are not read here. Pure.
 */
import { validateHeaderValue } from "node:http"
import { LineCounter } from "yaml"
import type { Outcome } from "../../config/Resolve.ts"
import { Problems, readSection, type Section } from "./Section.ts"

export const clientAuthTypes = [
  "NoClientCert",
  "RequestClientCert",
  "RequireAnyClientCert",
  "VerifyClientCertIfGiven",
  "RequireAndVerifyClientCert"
] as const
export type ClientAuth = (typeof clientAuthTypes)[number]

export const tlsVersions = ["TLS10", "TLS11", "TLS12", "TLS13"] as const

/** Go's names, for OpenSSL's. Those of TLS 1.3 are always on, as in Go. */
export const cipherSuites = {
  TLS_AES_128_GCM_SHA256: "",
  TLS_AES_256_GCM_SHA384: "",
  TLS_CHACHA20_POLY1305_SHA256: "",
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: "ECDHE-ECDSA-AES128-SHA",
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: "ECDHE-ECDSA-AES256-SHA",
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: "ECDHE-RSA-AES128-SHA",
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: "ECDHE-RSA-AES256-SHA",
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256",
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: "ECDHE-RSA-AES256-GCM-SHA384",
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-RSA-CHACHA20-POLY1305",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305"
} as const

export const curves = { CurveP256: "P-256", CurveP384: "P-384", CurveP521: "P-521", X25519: "X25519" } as const

/** A PEM text, or the file that holds it, as it is named there. */
export type Pem = ({ readonly text: string } | { readonly file: string }) & { readonly line: number }

export interface TlsSettings {
  readonly cert: Pem
  readonly key: Pem
  readonly clientCa: Pem | undefined
  readonly clientAuth: ClientAuth
  readonly allowedSans: ReadonlyArray<string>
  readonly minVersion: (typeof tlsVersions)[number]
  readonly maxVersion: (typeof tlsVersions)[number]
  /** OpenSSL's names, in order of preference; empty: the default ones. */
  readonly ciphers: ReadonlyArray<string>
  readonly curves: ReadonlyArray<string>
  readonly isServersOrder: boolean
}

export interface RateLimit {
  /** Ms that one request takes of the bucket. */
  readonly interval: number
  readonly burst: number
}

export interface WebSettings {
  /** Undefined: plain HTTP. */
  readonly tls: TlsSettings | undefined
  /** Bcrypt hashes by user. Empty: everybody may come in. */
  readonly users: ReadonlyMap<string, string>
  readonly headers: Readonly<Record<string, string>>
  readonly rateLimit: RateLimit | undefined
}

/** Of one that comes in two ways: `cert` and `cert_file`. The file wins, as it does there. */
const pemOf = (section: Section, name: string): Pem | undefined => {
  const [text, file] = [section.text(name), section.text(`${name}_file`)]
  if (file !== undefined) return { file, line: section.lineOf(`${name}_file`) }
  return text === undefined ? undefined : { text, line: section.lineOf(name) }
}

const namesOf = <const T extends Readonly<Record<string, string>>>(
  section: Section,
  field: string,
  table: T
): ReadonlyArray<string> =>
  section.list(field).flatMap((name) => {
    if (Object.hasOwn(table, name)) return table[name] === "" ? [] : [table[name]!]
    section.fail(field, `has a name that is not known; there is: ${Object.keys(table).join(", ")}`)
    return []
  })

const readTls = (section: Section): TlsSettings | undefined => {
  const [cert, key, clientCa] = [pemOf(section, "cert"), pemOf(section, "key"), pemOf(section, "client_ca")]
  const types = [...clientAuthTypes, "RequireClientCert"] as const
  const type = section.choice("client_auth_type", types)
  const clientAuth = type === "RequireClientCert" ? "RequireAnyClientCert" : (type ?? "NoClientCert")
  const allowedSans = section.list("client_allowed_sans")
  const settings = {
    minVersion: section.choice("min_version", tlsVersions) ?? "TLS12",
    maxVersion: section.choice("max_version", tlsVersions) ?? "TLS13",
    ciphers: namesOf(section, "cipher_suites", cipherSuites),
    curves: namesOf(section, "curve_preferences", curves),
    isServersOrder: section.flag("prefer_server_cipher_suites") ?? true
  }
  section.end()
  if (settings.minVersion > settings.maxVersion) section.fail("min_version", "is above max_version")
  if (clientCa !== undefined && clientAuth === "NoClientCert")
    section.fail("client_auth_type", "is missing: a client_ca is given, so say RequireAndVerifyClientCert")
  if (allowedSans.length > 0 && !/^Require/.test(clientAuth))
    section.fail("client_allowed_sans", "needs a client_auth_type that requires a certificate")
  if (cert !== undefined && key !== undefined) return { cert, key, clientCa, clientAuth, allowedSans, ...settings }
  // Anything but a certificate's way of use means that TLS is wanted.
  if (cert !== undefined || key !== undefined || clientCa !== undefined || type !== undefined)
    section.fail(cert === undefined ? "cert_file" : "key_file", "is missing: TLS needs a certificate and its key")
  return undefined
}

/** As `bcrypt` and `htpasswd -B` write them; what a cost above takes in time, nobody waits for. */
const hash = /^\$2[abxy]?\$(?:0[4-9]|1[0-8])\$[./A-Za-z0-9]{53}$/

const readUsers = (section: Section, problems: Problems): ReadonlyMap<string, string> => {
  const users = new Map<string, string>()
  for (const { name, text, line } of section.entries()) {
    if (name === "" || name.includes(":"))
      problems.add(line, "a user of basic_auth_users has no name, or one with a colon, which nobody can log in by")
    if (!hash.test(text))
      problems.add(
        line,
        "what basic_auth_users has for a user is no bcrypt hash of a cost from 4 to 18 (not shown); make one: htpasswd -nBC 10 ''"
      )
    users.set(name, text)
  }
  return users
}

const headerValues: Readonly<Record<string, ReadonlyArray<string>>> = {
  "Strict-Transport-Security": [],
  "X-Content-Type-Options": ["nosniff"],
  "X-Frame-Options": ["deny", "sameorigin"],
  "X-XSS-Protection": [],
  "Content-Security-Policy": []
}

const isHeaderValue = (name: string, text: string): boolean => {
  try {
    validateHeaderValue(name, text)
    return true
  } catch {
    // Its message is a programmer's.
    return false
  }
}

const readHeaders = (section: Section, problems: Problems): Readonly<Record<string, string>> => {
  const headers: Record<string, string> = {}
  for (const { name, text, line } of section.entries()) {
    const values = Object.hasOwn(headerValues, name) ? headerValues[name] : undefined
    if (values === undefined)
      problems.add(line, `such a header cannot be set; there is: ${Object.keys(headerValues).join(", ")}`)
    else if (values.length > 0 && !values.includes(text)) problems.add(line, `${name} must be ${values.join(" or ")}`)
    else if (!isHeaderValue(name, text)) problems.add(line, `${name} has a character that no header may have`)
    else if (text !== "") headers[name] = text
  }
  return headers
}

const units = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const

/** Ms of Go's durations, such as `1m30s`; a bare number has nanoseconds. */
const durationOf = (text: string): number | undefined => {
  if (/^\d{1,15}$/.test(text)) return Number(text) * units.ns
  if (!/^(?:\d{1,9}(?:\.\d{1,9})?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined
  const parts = text.matchAll(/([\d.]+)([a-zµ]+)/g)
  return Array.from(parts, ([, n, unit]) => Number(n) * units[unit as keyof typeof units]).reduce((a, b) => a + b)
}

const readRateLimit = (section: Section): RateLimit | undefined => {
  const [interval, burst = "0"] = [section.text("interval"), section.text("burst")]
  section.end()
  const ms = interval === undefined ? 0 : durationOf(interval)
  if (ms === undefined) section.fail("interval", "must be a duration such as 1s or 100ms")
  if (!/^\d{1,9}$/.test(burst)) section.fail("burst", "must be a whole number")
  else if (burst === "0" && (ms ?? 0) > 0) section.fail("burst", "must be 1 at least: without it nobody is answered")
  return ms === undefined || ms === 0 ? undefined : { interval: ms, burst: Number(burst) }
}

/** `file`: for the messages. */
export const parseWebSettings = (file: string, content: string): Outcome<WebSettings> => {
  const lines = new LineCounter()
  const problems = new Problems(file, lines)
  const value = readSection(content, problems, lines, (section): WebSettings => {
    const http = section.within("http_server_config")
    const headers = readHeaders(http.within("headers"), problems)
    // Read and let be: HTTP/2 is not offered.
    http.flag("http2")
    http.end()
    return {
      tls: readTls(section.within("tls_server_config")),
      users: readUsers(section.within("basic_auth_users"), problems),
      headers,
      rateLimit: readRateLimit(section.within("rate_limit"))
    }
  })
  return value === undefined || problems.all.length > 0 ? { problems: problems.all } : { value }
}
