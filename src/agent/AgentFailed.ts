import { Schema } from "effect"

/** The agent cannot work as it is told to. The message says why and what to do. */
export class AgentFailed extends Schema.TaggedError<AgentFailed>()("AgentFailed", { message: Schema.String }) {}
