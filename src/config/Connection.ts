/**
 * Connection: how the brokers are reached, from the connection settings together: each may be right and the whole
 * still contradict itself. Reads the TLS files, so that a wrong path ends the program before anything starts.
 */
import { X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import type { KafkaOptions } from "../transport/kafka/connection/KafkaOptions.ts"
import { type EventHubs, eventHubsTimeouts, parseEventHubs } from "./EventHubs.ts"
import { quoted } from "./Kind.ts"
import type { Outcome, Resolved } from "./Resolve.ts"
import { optionName } from "./Setting.ts"
import type { connection } from "./Settings.ts"
import { readFailure } from "./SettingsFile.ts"

export interface Connection {
  /** Without brokers in a pod that has a Transport of its own. */
  readonly kafka: KafkaOptions
  /** Set where the preset of Event Hubs applies. */
  readonly eventHubs: EventHubs | undefined
  /** What is allowed and still worth a line in the log. */
  readonly warnings: ReadonlyArray<string>
}

export const readConnection = (resolved: Resolved<typeof connection>): Outcome<Connection> => {
  const { values } = resolved
  const problems: Array<string> = []
  let eventHubs: EventHubs | undefined
  if (values.eventHubsConnectionString !== undefined) {
    const parsed = parseEventHubs(values.eventHubsConnectionString)
    if ("wrong" in parsed)
      problems.push(`--event-hubs-connection-string is not usable: ${parsed.wrong} (its value is not shown)`)
    else eventHubs = parsed
    for (const key of ["saslMechanism", "saslUsername", "saslPassword", "tls"] as const)
      if (values[key] !== undefined)
        problems.push(`--${optionName(key)} cannot be given with --event-hubs-connection-string, which sets it`)
  }
  const tls = readTls(resolved, eventHubs, problems)
  const sasl = readSasl(resolved, eventHubs, problems)
  if (problems.length > 0) return { problems }
  const warnings =
    sasl?.mechanism === "plain" && tls === undefined
      ? ["The password goes to the brokers unencrypted: --sasl-mechanism plain without --tls."]
      : []
  return {
    value: {
      kafka: {
        // Named brokers go before those of the string: a private endpoint has another name.
        brokers: values.brokers ?? (eventHubs === undefined ? [] : [eventHubs.broker]),
        clientId: values.clientId,
        connectionTimeout: eventHubs === undefined ? 10_000 : eventHubsTimeouts.connectionTimeout,
        requestTimeout: eventHubs === undefined ? 30_000 : eventHubsTimeouts.requestTimeout,
        ...(tls === undefined ? {} : { tls }),
        ...(sasl === undefined ? {} : { sasl })
      },
      eventHubs,
      warnings
    }
  }
}

const readTls = (
  { values }: Resolved<typeof connection>,
  eventHubs: EventHubs | undefined,
  problems: Array<string>
): KafkaOptions["tls"] => {
  const given = (["tlsCa", "tlsCert", "tlsKey"] as const).filter((key) => values[key] !== undefined)
  if (values.tls === false && given.length > 0)
    problems.push(`--${optionName(given[0]!)} needs TLS, but --tls is false: drop one of the two`)
  if ((values.tlsCert === undefined) !== (values.tlsKey === undefined))
    problems.push(
      `--tls-${values.tlsCert === undefined ? "key is given without --tls-cert" : "cert is given without --tls-key"}: both or none`
    )
  const pem: { ca?: string; cert?: string; key?: string } = {}
  for (const key of given) {
    const read = readPem(key === "tlsKey", values[key]!)
    if ("wrong" in read) problems.push(`--${optionName(key)} is ${quoted(values[key]!)}: ${read.wrong}`)
    else pem[key === "tlsCa" ? "ca" : key === "tlsCert" ? "cert" : "key"] = read.pem
  }
  return values.tls === true || given.length > 0 || eventHubs?.tls === true ? pem : undefined
}

const readPem = (isKey: boolean, path: string): { readonly pem: string } | { readonly wrong: string } => {
  let pem: string
  try {
    pem = readFileSync(path, "utf8")
  } catch (error) {
    return { wrong: `the file cannot be read (${readFailure(error)})` }
  }
  if (isKey) {
    if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(pem))
      return { wrong: "the key is encrypted, which is not supported: give it without a passphrase" }
    return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem) ? { pem } : { wrong: "the file holds no PEM private key" }
  }
  try {
    new X509Certificate(pem)
    return { pem }
  } catch {
    // OpenSSL's words would not help anyone here.
    return { wrong: "the file holds no PEM certificate" }
  }
}

const readSasl = (
  { values, secretFile }: Resolved<typeof connection>,
  eventHubs: EventHubs | undefined,
  problems: Array<string>
): KafkaOptions["sasl"] => {
  const passwordFile = secretFile(eventHubs === undefined ? "saslPassword" : "eventHubsConnectionString")
  const file = passwordFile === undefined ? {} : { passwordFile }
  if (eventHubs !== undefined)
    return { mechanism: "plain", username: "$ConnectionString", password: values.eventHubsConnectionString!, ...file }
  const { saslMechanism: mechanism, saslUsername: username, saslPassword: password } = values
  if (values.eventHubsConnectionString !== undefined) return undefined
  if (mechanism === undefined) {
    if (username !== undefined || password !== undefined)
      problems.push(
        "--sasl-mechanism is missing: a user or a password is given, so say plain, scram-sha-256 or scram-sha-512"
      )
    return undefined
  }
  if (username === undefined) problems.push(`--sasl-username is missing: --sasl-mechanism ${mechanism} needs it`)
  if (password === undefined)
    problems.push(
      `--sasl-password or --sasl-password-file is missing (or K2P_SASL_PASSWORD): --sasl-mechanism ${mechanism} needs it`
    )
  return username === undefined || password === undefined ? undefined : { mechanism, username, password, ...file }
}
