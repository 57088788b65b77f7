/**
 * RegistryDumpLayer: `dumpRegistry` for a service that is built of Layers: it dumps while the Layer lives, and once more when it is
 * released. In a file of its own, so that a service without Effect does not load it.
 */
import { Effect, Layer } from "effect"
import { dumpRegistry, type RegistryDumpOptions } from "./RegistryDump.ts"

/** `dumpRegistry` as a Layer. @stable */
export const RegistryDump = {
  layer: (options: RegistryDumpOptions): Layer.Layer<never> =>
    Layer.effectDiscard(
      Effect.acquireRelease(
        Effect.sync(() => dumpRegistry(options)),
        (stop) => Effect.promise(stop)
      )
    )
}
