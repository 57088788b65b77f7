/**
 * Extension: a module that changes how an application works without being one: a processor around its processor, an assignor, another
 * way of back pressure, with options of its own. As an application, it is loaded by every thread: its module's default export is it.
 */
import { Layer } from "effect"
import type { Outcome, Resolved } from "../config/Resolve.ts"
import type { Table } from "../config/Setting.ts"
import type { Strategy } from "../engine/Backpressure.ts"
import type { SelfMetrics } from "../SelfMetrics.ts"
import type { App, AppLayer, Brought, Configured } from "./App.ts"

/** What changes how an application works: strategies of back pressure, Layers over the application's, with options of its own. @stable */
export interface Extension<S = unknown, T extends Table = Table> {
  /** One word of lower case letters. */
  readonly name: string
  /** `import.meta.url` of the module whose default export this is. */
  readonly module: string
  /** Its options, beside those of the pod and the application and under none of their names. */
  readonly settings: T
  /** Of back pressure, as an application's. */
  readonly strategies?: ReadonlyArray<Strategy>
  /** As the application's. */
  readonly ownTransport?: boolean
  /** As the application's. What it says must be agreed on is part of the hash that members compare. */
  configure(resolved: Resolved<T>): Outcome<Omit<Configured<S>, "engine">>
  /** What it brings goes before what is there, which it may ask for and build on. Built anew for each shard. */
  layer(settings: S): Layer.Layer<never, unknown, Brought | SelfMetrics>
}

interface Extended<S> {
  readonly application: S
  readonly extensions: ReadonlyArray<unknown>
}

/** The application with the extensions over it, the last one outermost. The application itself where there are none. @stable */
export const extended = <S, T extends Table>(app: App<S, T>, extensions: ReadonlyArray<Extension>): App<unknown, T> => {
  if (extensions.length === 0) return app as App<unknown, T>
  const settings = Object.assign({}, app.settings, ...extensions.map((extension) => extension.settings)) as T
  const over: App<Extended<S>, T> = {
    ...app,
    settings,
    strategies: [app, ...extensions].flatMap(({ strategies = [] }) => strategies),
    ownTransport: [app, ...extensions].some(({ ownTransport = false }) => ownTransport),
    extensions: extensions.map(({ module }) => module),
    configure: (resolved) => {
      const own = app.configure(resolved)
      const others = extensions.map((extension) => extension.configure(resolved as unknown as Resolved<Table>))
      const problems = [own, ...others].flatMap((outcome) => ("problems" in outcome ? outcome.problems : []))
      if ("problems" in own || problems.length > 0) return { problems }
      const values = others.map((outcome) => (outcome as { readonly value: Configured<unknown> }).value)
      const agreed = extensions.map(({ name }, i) => [name, values[i]!.agreed] as const)
      return {
        value: {
          ...own.value,
          settings: { application: own.value.settings, extensions: values.map((value) => value.settings) },
          agreed: { ...own.value.agreed, extensions: agreed },
          notes: [...(own.value.notes ?? []), ...values.flatMap(({ notes = [] }) => notes)]
        }
      }
    },
    load: async () => {
      const { divide, layer, surface } = await app.load()
      const parts = {
        surface,
        layer: (given: Extended<S>): AppLayer =>
          extensions.reduce<AppLayer>(
            (under, extension, i) => Layer.provideMerge(extension.layer(given.extensions[i]), under),
            layer(given.application)
          )
      }
      if (divide === undefined) return parts
      return {
        ...parts,
        divide: (given: Extended<S>, count: number) => {
          const shareOf = divide(given.application, count)
          return (shard: number) => ({ ...given, application: shareOf(shard) })
        }
      }
    }
  }
  return over as App<unknown, T>
}
