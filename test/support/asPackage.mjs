/** For programs that node runs itself: `kafka2prom` and its entries are this checkout's sources, as `paths` in tsconfig.json has it. */
import { registerHooks } from "node:module"

const src = new URL("../../src/", import.meta.url)
const own = { "": "index.ts", "/extension": "extension.ts", "/kafka": "transport/kafka/index.ts" }

registerHooks({
  resolve: (specifier, context, next) => {
    if (!/^kafka2prom(\/[a-z]+)?$/.test(specifier)) return next(specifier, context)
    const entry = specifier.slice("kafka2prom".length)
    return next(new URL(own[entry] ?? `.${entry}/index.ts`, src).href, context)
  }
})
