// Preloaded: at the process's end it prints which files its imports loaded, as JSON.
import { registerHooks } from "node:module"

const loaded = new Set()
registerHooks({
  load: (url, context, next) => {
    if (url.startsWith("file:")) loaded.add(url)
    return next(url, context)
  }
})
process.on("exit", () => process.stdout.write(JSON.stringify([...loaded])))
