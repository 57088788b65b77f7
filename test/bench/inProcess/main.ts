/** The process in which one of the benchmarks without Kafka runs. Arguments: its name, `quick` or `full`. Prints its tables as JSON. */
import { openStage } from "../../support/processes.ts"
import { cacheUpdate } from "./cacheUpdate.ts"
import { embeddedLog } from "./embeddedLog.ts"
import { parser } from "./parser.ts"
import { rendering } from "./rendering.ts"

const [name = "", size] = process.argv.slice(2)
const stage = await openStage()
try {
  const tables = await { parser, cache: cacheUpdate, render: rendering, "embedded-log": embeddedLog }[name]!(
    stage,
    size === "quick"
  )
  process.stdout.write(JSON.stringify(tables))
} finally {
  await stage.close()
}
