/**
 * EventHubs: what an Azure Event Hubs connection string says about the Kafka surface of its namespace. Pure. The string is
 * a secret from end to end: no message carries a piece of it.
 */
import { topicPattern } from "./Kind.ts"

export interface EventHubs {
  readonly broker: string
  /** The hub, where the string is one hub's and not the namespace's. */
  readonly topic: string | undefined
  /** False for Microsoft's local emulator only. */
  readonly tls: boolean
}

/** Event Hubs lets requests wait and drops what it deems idle later than Kafka does; these are its documentation's numbers. */
export const eventHubsTimeouts = { sessionTimeout: 30_000, requestTimeout: 60_000, connectionTimeout: 15_000 } as const
/** It knows no other codec. */
export const eventHubsCompressions = ["gzip", "none"] as const

export const parseEventHubs = (connectionString: string): EventHubs | { readonly wrong: string } => {
  const parts = new Map<string, string>()
  for (const part of connectionString.split(";")) {
    const at = part.indexOf("=")
    if (at > 0) parts.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim())
    else if (part.trim() !== "") return { wrong: "a part of it is not Name=value" }
  }
  const endpoint = /^sb:\/\/([A-Za-z0-9.-]+)(?::(\d{1,5}))?\/?$/.exec(parts.get("endpoint") ?? "")
  if (endpoint === null) return { wrong: "it has no part Endpoint=sb://<namespace>.servicebus.windows.net/" }
  for (const name of ["SharedAccessKeyName", "SharedAccessKey"])
    if ((parts.get(name.toLowerCase()) ?? "") === "") return { wrong: `it has no part ${name}=…` }
  const topic = parts.get("entitypath")
  if (topic !== undefined && !topicPattern.test(topic))
    return { wrong: "its EntityPath is not the name of an event hub" }
  const emulator = parts.get("usedevelopmentemulator")?.toLowerCase() === "true"
  const port = Number(endpoint[2] ?? (emulator ? 9092 : 9093))
  if (port < 1 || port > 65_535) return { wrong: "the port of its Endpoint is not from 1 to 65535" }
  return { broker: `${endpoint[1]}:${port}`, topic, tls: !emulator }
}
