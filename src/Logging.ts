/** Logging: the process's log on stderr, as logfmt for people or JSON for programs. stdout belongs to what a command prints. */
import { Layer, Logger, References } from "effect"

export interface LogConfig {
  readonly level: "debug" | "info" | "warning" | "error"
  readonly format: "text" | "json"
}

/** From the settings that every command has. */
export const readLog = (values: {
  readonly logLevel: LogConfig["level"]
  readonly logFormat: LogConfig["format"]
}): LogConfig => ({ level: values.logLevel, format: values.logFormat })

const levels = { debug: "Debug", info: "Info", warning: "Warn", error: "Error" } as const

export const logging = (config: LogConfig): Layer.Layer<never> =>
  Layer.merge(
    Logger.layer([Logger.withConsoleError(config.format === "json" ? Logger.formatJson : Logger.formatLogFmt)]),
    Layer.succeed(References.MinimumLogLevel, levels[config.level])
  )
