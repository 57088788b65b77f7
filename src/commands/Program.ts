/** Program: what a command comes to once its settings are read. */
import type { Effect } from "effect"

/** A command's program: succeeds with the process's exit code. */
export type Program = Effect.Effect<number>
