import { Schema } from "effect"

/** The server could not start. The message is for the operator. @stable */
export class ServerError extends Schema.TaggedError<ServerError>()("ServerError", {
  /** For people: where it cannot listen, why, and what to do. */
  message: Schema.String
}) {}
