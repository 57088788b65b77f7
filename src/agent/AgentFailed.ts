import { Schema } from "effect"

/** Rounds cannot be sent as it is told. The message says why and what to do; only a person can help. @stable */
export class AgentFailed extends Schema.TaggedError<AgentFailed>()("AgentFailed", {
  /** For people: why, and what to do. */
  message: Schema.String
}) {}
