/** TailWire: what the agent and its tailer say to each other, in Frames. Secrets go this way, never by arguments or variables. */
import type { KafkaOptions } from "../../transport/kafka/connection/KafkaOptions.ts"
import type { LogOptions } from "./LogOptions.ts"
import type { LogStatus } from "./LogStatus.ts"

export type Level = "debug" | "info" | "warning" | "error"

export type ToTailer =
  | { readonly t: "start"; readonly options: LogOptions; readonly kafka: KafkaOptions }
  /** Finish what is under way, keep positions and end. */
  | { readonly t: "stop" }

export type FromTailer =
  | { readonly t: "line"; readonly level: Level; readonly text: string }
  /** Once a second, and at the end. */
  | { readonly t: "status"; readonly status: LogStatus }
  /** Only a person can help. */
  | { readonly t: "failed"; readonly message: string }
