/** An extension that brings a strategy of back pressure: records of one's own choice are lost last. */
import { Layer } from "effect"
import { settings } from "../../../src/config/Setting.ts"
import type { Extension } from "../../../src/pod/Extension.ts"
import { byPriority } from "../../support/ownStrategies.ts"

const extension: Extension<null> = {
  name: "priority",
  module: import.meta.url,
  settings: settings({}),
  strategies: [byPriority((key) => (key.startsWith("vip") ? 1 : 0))],
  configure: () => ({ value: { settings: null, agreed: {} } }),
  layer: () => Layer.empty
}

export default extension
