/**
 * Tracing: the spans of this thread sent to a collector (OTLP over HTTP), where OpenTelemetry's own variables name one; else nothing is
 * loaded or kept. A collector that does not answer costs spans and nothing else: what waits is dropped, and it is left alone for a minute.
 */
import { Cause, Config, ConfigProvider, Effect, Layer } from "effect"

export type Environment = Readonly<Record<string, string | undefined>>

/** Null: no spans are asked for. An empty variable is one that is not given. */
const wanted = (env: Environment): { readonly protocol: string } | null =>
  env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT
    ? { protocol: env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || env.OTEL_EXPORTER_OTLP_PROTOCOL || "http/protobuf" }
    : null

const exporting = async (env: Environment, protocol: string): Promise<Layer.Layer<never>> => {
  const [{ OtlpSerialization, OtlpTracer }, { FetchHttpClient }] = await Promise.all([
    import("effect/observability"),
    import("effect/http")
  ])
  const { layerJson, layerProtobuf } = OtlpSerialization
  const serialization = { "http/json": layerJson, "http/protobuf": layerProtobuf }[protocol]
  if (serialization === undefined)
    throw new Error(`the protocol ${protocol} is not spoken here, http/protobuf and http/json are`)
  const given = Object.entries(env).filter((entry): entry is [string, string] => !!entry[1])
  const variables = { OTEL_TRACES_EXPORTER: "otlp", OTEL_SERVICE_NAME: "kafka2prom", ...Object.fromEntries(given) }
  return OtlpTracer.layerFromConfig().pipe(
    Layer.provide(serialization),
    Layer.provide(FetchHttpClient.layer),
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: variables })))
  )
}

/** What is still to be sent goes when its Scope closes, within three seconds. */
export const tracing = (env: Environment): Layer.Layer<never> => {
  const wish = wanted(env)
  if (wish === null) return Layer.empty
  return Layer.unwrap(Effect.promise(() => exporting(env, wish.protocol))).pipe(
    Layer.catchCause((cause) => Layer.effectDiscard(Effect.logWarning(refusal(Cause.squash(cause)))))
  )
}

const refusal = (error: unknown): string => {
  const why = error instanceof Error || error instanceof Config.ConfigError ? error.message : String(error)
  return `no spans are sent: ${why.replaceAll(/\s+/g, " ")}; see to the variables OTEL_EXPORTER_OTLP_...`
}
