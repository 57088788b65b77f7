/** An admission of one's own, in an extension, over the one that is there: label names in lower case, and nothing of a guest. */
import { Effect, Layer, Option } from "effect"
import { type Extension, Kind, settings } from "kafka2prom/extension"
import { Admission } from "kafka2prom/metrics"

const table = settings({ guest: { kind: Kind.text("source"), about: "The source that is not taken.", required: true } })

const extension: Extension<string, typeof table> = {
  name: "admitting",
  module: import.meta.url,
  settings: table,
  configure: ({ values }) => ({ value: { settings: values.guest, agreed: { version: 1, guest: values.guest } } }),
  layer: (guest) =>
    Layer.effect(
      Admission,
      Effect.map(Effect.serviceOption(Admission), (option) => {
        const under = Option.getOrUndefined(option)
        return {
          name: "lower-case",
          source: (id) => (id === guest ? "guests are shown elsewhere" : under?.source?.(id)),
          series: (labels) => {
            const taken = under?.series === undefined ? labels : under.series(labels)
            return taken === undefined ? undefined : Array.from(taken, ([name, value]) => [name.toLowerCase(), value])
          }
        }
      })
    )
}

export default extension
