/**
 * KafkaOptions: how to reach a Kafka cluster, and the parsing of its addresses. Where they come from (flags, variables,
 * an Event Hubs connection string) is Config's. The password and the key never leave through a message or a log line.
 */
/** How this client logs in. @stable */
export type SaslMechanism = "plain" | "scram-sha-256" | "scram-sha-512"

/** How to reach a cluster. Secrets in it are never logged. @stable */
export interface KafkaOptions {
  /** Bootstrap addresses, `host:port` or `[v6]:port`. */
  readonly brokers: ReadonlyArray<string>
  /** What brokers call this client. */
  readonly clientId: string
  /** Present: TLS. PEM texts; without `ca` the system's certificate authorities count. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  /** Absent: it does not log in. */
  readonly sasl?: {
    readonly mechanism: SaslMechanism
    readonly username: string
    readonly password: string
    /** The file of the password, read for each connection: a rotated one counts from the next on. While it cannot be read, `password` counts. */
    readonly passwordFile?: string
  }
  /** Milliseconds for TCP and TLS together. */
  readonly connectionTimeout: number
  /** Milliseconds for an answer. A join waits longer, for the rebalance timeout. */
  readonly requestTimeout: number
}

export interface Address {
  readonly host: string
  readonly port: number
}

export const showAddress = ({ host, port }: Address): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

/** Undefined where the text is not an address. */
export const parseAddress = (text: string): Address | undefined => {
  const match = /^(?:\[([0-9a-fA-F:.%a-z]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text.trim())
  if (match === null) return undefined
  const port = Number(match[3])
  return port >= 1 && port <= 65_535 ? { host: match[1] ?? match[2]!, port } : undefined
}
