/**
 * AgentSource: where rounds come from, and the sink they go to. A source looks at the outside world when it is told to, and
 * hands over what became complete since its last look; it never waits for the log, and never fails for the world's sake:
 * what it could not read stays where it is for the next look and is told in its own status.
 */
import type { Effect } from "effect"
import type { InputFormat } from "../metrics/text/Dump.ts"

/** One dump of one source, whole. */
export interface Round {
  /** The id that becomes the record's key and the series' `instance`. */
  readonly source: string
  /** The `job` of series that have none, unless `--label job=…` names another. */
  readonly job: string
  /** Labels of this source alone, for series that lack them; they go before the agent's. */
  readonly labels?: Readonly<Record<string, string>>
  /** For people: where it was read. */
  readonly origin: string
  /** Never empty: an empty value would tell the pods that the source has ended. */
  readonly text: Uint8Array
  readonly format: InputFormat
  /** When it was dumped, ms since the Unix epoch; never in the future of this machine's clock. */
  readonly time: number
  /** Ms that its content was old already when it was handed over. */
  readonly age: number
}

export interface RoundSink {
  /** Whether a round of so many bytes may be read now. Where not, it is left where it is: the disk is the buffer. */
  readonly room: (source: string, bytes: number) => boolean
  /** Takes the round over; a round of the same source that still waits is superseded. */
  readonly offer: (round: Round) => Effect.Effect<void>
  /** The source has left; nothing of it needs to be remembered. Rounds that wait are still sent. */
  readonly gone: (source: string) => void
}

export interface AgentSource {
  readonly look: (sink: RoundSink) => Effect.Effect<void>
}
