/**
 * ScrapeSettings: one `--scrape`: a URL, or in the file a mapping in the words of Prometheus' scrape_config, with `url` and `name` in place
 * of its targets. What is not given there is the agent's `--scrape-interval` and `--scrape-timeout`. Pure: files that it names are read
 * by the scrapes.
 */
import * as Kind from "./Kind.ts"
import { Fields, isPlainMap, mappings, type Plain } from "./Mapping.ts"

export type SecretSetting = { readonly text: string } | { readonly file: string }

export interface ScrapeSettings {
  readonly url: string
  readonly name: string | undefined
  readonly job: string | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly interval: number | undefined
  readonly timeout: number | undefined
  readonly followRedirects: boolean
  readonly fallback: "text" | "openmetrics" | null
  readonly authorization:
    | { readonly kind: "basic"; readonly username: string; readonly password: SecretSetting }
    | { readonly kind: "credentials"; readonly type: string; readonly credentials: SecretSetting }
    | null
  readonly tls: {
    readonly ca?: string
    readonly cert?: string
    readonly key?: string
    readonly serverName?: string
    readonly insecure: boolean
  }
}

type Wrong = { readonly wrong: string }

export const scrapeInterval = Kind.duration("1s", "1h")
export const scrapeTimeout = Kind.duration("100ms", "1h")

const file = Kind.text("file", "the path of a file")
const word = Kind.matching("word", "one word, such as Bearer", /^[A-Za-z][A-Za-z0-9-]{0,62}$/)
/** It becomes a part of a source id, which is read by people and compared as bytes. */
const name = Kind.matching(
  "name",
  "some text of at most 500 bytes without blanks and control characters",
  /^[^\s\p{C}]{1,500}$/u
)
const secret = Kind.text("secret", "some text of one line")
const metricsPath = Kind.matching("path", "a path that begins with /", /^\/[^\s?#\p{C}]*$/u)

const fallbacks = {
  "PrometheusText0.0.4": "text",
  "PrometheusText1.0.0": "text",
  "OpenMetricsText0.0.1": "openmetrics",
  "OpenMetricsText1.0.0": "openmetrics"
} as const
const fallbackNames = Object.keys(fallbacks) as Array<keyof typeof fallbacks>

const readUrl = (text: string, path: string | undefined): string | Wrong => {
  if (/[\s\p{C}]/u.test(text) || !URL.canParse(text))
    return { wrong: "its URL cannot be read: it must be like http://127.0.0.1:9100/metrics" }
  const url = new URL(text)
  if (url.protocol !== "http:" && url.protocol !== "https:")
    return { wrong: "its URL must begin with http:// or https://" }
  if (url.username !== "" || url.password !== "")
    return { wrong: "its URL holds a user or a password: give them as basic_auth in the file of --config" }
  const isBare = url.pathname === "/"
  if (path !== undefined && !isBare) return { wrong: "its URL has a path, and so does metrics_path: give one of them" }
  // As Prometheus: an address alone is asked for /metrics.
  if (isBare) url.pathname = path ?? "/metrics"
  url.hash = ""
  return url.href
}

const secretOf = (fields: Fields, text: string, path: string): SecretSetting | undefined => {
  const [given, named] = [fields.value(text, secret), fields.value(path, file)]
  if (given !== undefined && named !== undefined) fields.fail(`it has both ${text} and ${path}: give one of them`)
  return given !== undefined ? { text: given } : named !== undefined ? { file: named } : undefined
}

const readAuthorization = (fields: Fields): ScrapeSettings["authorization"] => {
  const basic = fields.within("basic_auth", (auth) => {
    const username = auth.value("username", secret)
    const password = secretOf(auth, "password", "password_file")
    if (username === undefined) auth.fail("its basic_auth has no username")
    if (username?.includes(":") === true) auth.fail("its basic_auth.username has a colon, which ends a user's name")
    return { kind: "basic", username: username ?? "", password: password ?? { text: "" } } as const
  })
  const other = fields.within("authorization", (auth) => {
    const type = auth.value("type", word) ?? "Bearer"
    const credentials = secretOf(auth, "credentials", "credentials_file")
    if (credentials === undefined) auth.fail("its authorization has neither credentials nor credentials_file")
    return { kind: "credentials", type, credentials: credentials ?? { text: "" } } as const
  })
  if (basic !== undefined && other !== undefined)
    fields.fail("it has both basic_auth and authorization: give one of them")
  return basic ?? other ?? null
}

const readTls = (tls: Fields): ScrapeSettings["tls"] => {
  const given = {
    ca: tls.value("ca_file", file),
    cert: tls.value("cert_file", file),
    key: tls.value("key_file", file),
    serverName: tls.value("server_name", name)
  }
  if ((given.cert === undefined) !== (given.key === undefined))
    tls.fail("its tls_config has one of cert_file and key_file: give both or none")
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return { ...set, insecure: tls.value("insecure_skip_verify", Kind.flag) ?? false }
}

const readLabels = (fields: Fields): Readonly<Record<string, string>> => {
  const labels = fields.texts("labels") ?? {}
  for (const label of Object.keys(labels)) {
    const reading = label === "instance" ? { wrong: "" } : Kind.label.read([label])
    if ("wrong" in reading)
      fields.fail(
        `its labels hold one that cannot be given: ${label === "instance" ? "the pods set instance, use name" : Kind.label.allowed}`
      )
  }
  return labels
}

const readItem = (item: Plain): ScrapeSettings | Wrong => {
  if (typeof item !== "string" && !isPlainMap(item)) return { wrong: "it must be a URL, or a mapping with url" }
  const fields = new Fields(typeof item === "string" ? { url: item } : item)
  const address = fields.value("url", Kind.text("url", "a URL such as http://127.0.0.1:9100/metrics"))
  if (address === undefined) fields.fail("it has no url")
  const url = readUrl(address ?? "", fields.value("metrics_path", metricsPath))
  const fallback = fields.value("fallback_scrape_protocol", Kind.choice(...fallbackNames))
  const settings = {
    name: fields.value("name", name),
    job: fields.value("job_name", Kind.text("name")),
    labels: readLabels(fields),
    interval: fields.value("scrape_interval", scrapeInterval),
    timeout: fields.value("scrape_timeout", scrapeTimeout),
    followRedirects: fields.value("follow_redirects", Kind.flag) ?? true,
    fallback: fallback === undefined ? null : fallbacks[fallback],
    authorization: readAuthorization(fields),
    tls: fields.within("tls_config", readTls) ?? { insecure: false }
  }
  fields.end()
  if (fields.wrong !== "") return { wrong: fields.wrong }
  return typeof url === "string" ? { url, ...settings } : url
}

export const scrapeTargets = mappings("url", "the URL of an endpoint that answers with metrics", readItem)
