/**
 * Kind: how the text of a setting becomes a value, and what is allowed, in words. The same words stand in `--help`
 * and in the error, so they cannot disagree. Pure; it knows nothing of where a text came from.
 *
 * `wrong` completes the sentence "--x is "…": …". It may quote the text: whoever prints it leaves it out for secrets.
 */
/** What a text means, or what is wrong with it: the end of a sentence. @stable */
export type Reading<A> = { readonly value: A } | { readonly wrong: string }

/** How the text of a setting becomes a value of type `A`, and what is allowed. @stable */
export interface Kind<A> {
  /** The placeholder in `--help`; "" for a switch, which takes no value on the command line. */
  readonly metavar: string
  /** In words, for `--help` and the error. */
  readonly allowed: string
  /** May be given several times, and as a YAML sequence. */
  readonly many: boolean
  /** In the file its items may be mappings (see Mapping). They may hold secrets: its texts are never shown, `wrong` says enough. */
  readonly mappings?: true
  /** One text, or in order all that were given where `many`. */
  readonly read: (texts: ReadonlyArray<string>) => Reading<A>
}

const one = <A>(metavar: string, allowed: string, read: (text: string) => A | undefined): Kind<A> => ({
  metavar,
  allowed,
  many: false,
  read: (texts) => {
    const value = read(texts[0] ?? "")
    return value === undefined ? { wrong: `it must be ${allowed}` } : { value }
  }
})

/** Quoted for an error line: one line, bounded, and without what looks like a credential pasted into the wrong place. @stable */
export const quoted = (text: string): string => {
  if (/SharedAccessKey|:\/\/[^/\s]*@/i.test(text)) return "(not shown: it seems to hold a credential)"
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}

/** One line of text that is not empty. @stable */
export const text = (metavar: string, allowed = "some text without control characters"): Kind<string> =>
  one(metavar, allowed, (t) => (t !== "" && !/[\x00-\x1f\x7f]/.test(t) ? t : undefined))

/** What the whole pattern takes: anchor it. `allowed` says it in words. @stable */
export const matching = (metavar: string, allowed: string, pattern: RegExp): Kind<string> =>
  one(metavar, allowed, (t) => (pattern.test(t) ? t : undefined))

/** One of these words, as they are written. @stable */
export const choice = <const A extends string>(...of: ReadonlyArray<A>): Kind<A> =>
  one(of.join("|"), `one of ${of.join(", ")}`, (t) => of.find((a) => a === t))

/** A switch: `--name`, or `true` and `false` in a variable or the file. @stable */
export const flag: Kind<boolean> = one("", "true or false", (t) =>
  t === "true" ? true : t === "false" ? false : undefined
)

/** A whole number in digits, both bounds included. @stable */
export const integer = (min: number, max: number): Kind<number> =>
  one("n", `a whole number from ${min} to ${max}`, (t) => {
    if (!/^\d{1,15}$/.test(t)) return undefined
    const n = Number(t)
    return n >= min && n <= max ? n : undefined
  })

const durationUnits = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const sizeUnits = { B: 1, kB: 1e3, KB: 1e3, KiB: 2 ** 10, MB: 1e6, MiB: 2 ** 20, GB: 1e9, GiB: 2 ** 30 } as const

const scaled = (t: string, units: Readonly<Record<string, number>>): number | undefined => {
  const match = /^(\d{1,12}(?:\.\d{1,6})?) ?([A-Za-z]+)$/.exec(t)
  const unit = match === null || !Object.hasOwn(units, match[2]!) ? undefined : units[match[2]!]
  return unit === undefined ? undefined : Math.round(Number(match![1]) * unit)
}

const between = (n: number | undefined, least: number | undefined, most: number | undefined): number | undefined =>
  n !== undefined && n >= least! && n <= most! ? n : undefined

/** Milliseconds. A unit is asked for: a bare 90 has been read as seconds and as milliseconds by different people. Both bounds are included. @stable */
export const duration = (least: string, most: string): Kind<number> =>
  one("duration", `a duration with its unit (ms, s, m, h, d) from ${least} to ${most}, such as 90s`, (t) =>
    between(scaled(t, durationUnits), scaled(least, durationUnits), scaled(most, durationUnits))
  )

/** Bytes, with their unit. Both bounds are included. @stable */
export const size = (least: string, most: string): Kind<number> =>
  one("size", `a size with its unit (B, KB, KiB, MB, MiB, GB, GiB) from ${least} to ${most}, such as 16MiB`, (t) =>
    between(scaled(t, sizeUnits), scaled(least, sizeUnits), scaled(most, sizeUnits))
  )

/** Where to listen; port 0 is any free one. An IPv6 host stands without brackets. @stable */
export interface Address {
  /** A name or an address; an IPv6 one without brackets. */
  readonly host: string
  /** 0: any free one. */
  readonly port: number
}

/** `host:port`, an IPv6 host in brackets. @internal */
export const formatAddress = (a: Address): string => `${a.host.includes(":") ? `[${a.host}]` : a.host}:${a.port}`

const readAddress = (t: string, leastPort: number): Address | undefined => {
  const match = /^(?:\[([0-9A-Fa-f:.%]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(t)
  if (match === null) return undefined
  const port = Number(match[3])
  return port >= leastPort && port <= 65_535 ? { host: (match[1] ?? match[2])!, port } : undefined
}

/** Where to listen; port 0 is any free one. @stable */
export const listenAddress: Kind<Address> = one("host:port", "host:port, such as 0.0.0.0:9464", (t) =>
  readAddress(t, 0)
)

/** Commas separate, repetition adds, repeats count once. `read` answers undefined for an item that is not allowed. @stable */
export const list = <A>(
  metavar: string,
  allowed: string,
  read: (item: string) => A | undefined
): Kind<ReadonlyArray<A>> => ({
  metavar: `${metavar}[,…]`,
  allowed: `${allowed}, separated by commas`,
  many: true,
  read: (texts) => {
    const items = new Set(texts.flatMap((t) => t.split(",")).map((t) => t.trim()))
    const values: Array<A> = []
    for (const item of items) {
      const value = read(item)
      if (value === undefined)
        return { wrong: `${item === "" ? "an empty part of it" : quoted(item)} is not ${allowed}` }
      values.push(value)
    }
    return { value: values }
  }
})

/** Addresses of brokers, ports from 1 on. @stable */
export const brokerList: Kind<ReadonlyArray<string>> = list("host:port", "host:port", (t) => {
  const address = readAddress(t, 1)
  return address === undefined ? undefined : formatAddress(address)
})

/** What Kafka takes for a topic. @internal */
export const topicPattern = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/
const topicAllowed = "a topic's name (letters, digits, '.', '_', '-')"
/** Names of topics. @stable */
export const topicList: Kind<ReadonlyArray<string>> = list("name", topicAllowed, (t) =>
  topicPattern.test(t) ? t : undefined
)
/** The name of a topic. @stable */
export const topic: Kind<string> = matching("name", topicAllowed, topicPattern)

/** Given once each; commas are part of the text. @stable */
export const repeated = (metavar: string, allowed: string): Kind<ReadonlyArray<string>> => ({
  metavar,
  allowed,
  many: true,
  read: (texts) =>
    texts.some((t) => t === "" || t.includes("\0")) ? { wrong: `it must be ${allowed}` } : { value: texts }
})

const labelName = /^(?!__)[A-Za-z_][A-Za-z0-9_]*$/
/** The name of a label that attaches: `le` and `quantile` have a meaning of their own, `__` names are Prometheus'. @stable */
export const label: Kind<string> = one(
  "name",
  "a label name ([a-zA-Z_][a-zA-Z0-9_]*, not starting with __, not le or quantile)",
  (t) => (labelName.test(t) && t !== "le" && t !== "quantile" ? t : undefined)
)

/** `name=value`, repeated; a later one of the same name is a mistake. @stable */
export const labels: Kind<Readonly<Record<string, string>>> = {
  metavar: "name=value",
  allowed: "name=value with a label name on the left, each name once",
  many: true,
  read: (texts) => {
    const pairs: Array<[string, string]> = []
    for (const t of texts) {
      const at = t.indexOf("=")
      const name = t.slice(0, Math.max(at, 0))
      if (at < 0 || "wrong" in label.read([name])) return { wrong: `${quoted(t)} is not ${labels.allowed}` }
      if (pairs.some(([n]) => n === name)) return { wrong: `the label ${name} is given twice` }
      pairs.push([name, t.slice(at + 1)])
    }
    return { value: Object.fromEntries(pairs) }
  }
}
