import { Schema } from "effect"

/** The server could not start. The message is for the operator. @stable */
export class ServerError extends Schema.TaggedError<ServerError>()("ServerError", { message: Schema.String }) {}
