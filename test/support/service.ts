/**
 * A service of the system tests, a process of its own: several registries, each dumped to its own file, the first of them
 * prom-client's default registry with the default metrics. Every dump counts itself (`test_rounds_total`) and repeats that number in
 * a gauge (`test_round`), so that whoever reads a body knows which round of a source it shows, and that it is one round.
 *
 * Arguments: the folder, the interval between dumps in ms, the files' names. Ends on SIGTERM, after a last dump.
 */
import { join } from "node:path"
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry, register } from "prom-client"
import { dumpRegistry } from "../../src/agent/service/RegistryDump.ts"

const [folder = ".", interval = "1000", ...names] = process.argv.slice(2)
collectDefaultMetrics()

const stops = names.map((name, i) => {
  const registry = i === 0 ? register : new Registry()
  const registers = [registry]
  let round = 0
  const work = new Counter({ name: "test_work_total", help: "Work done.", labelNames: ["kind"], registers })
  const seconds = new Histogram({ name: "test_work_seconds", help: "Time.", buckets: [0.1, 1, 10], registers })
  new Counter({
    name: "test_rounds_total",
    help: "Dumps made.",
    registers,
    collect() {
      round += 1
      this.inc()
    }
  })
  new Gauge({
    name: "test_round",
    help: "The same, as a gauge.",
    registers,
    collect() {
      this.set(round)
    }
  })
  const timer = setInterval(() => {
    work.inc({ kind: "a" })
    work.inc({ kind: 'b "quoted"\\' }, 0.5)
    seconds.observe(Math.random() * 20)
  }, 50)
  const stop = dumpRegistry({ path: join(folder, `${name}.prom`), registry, intervalMs: Number(interval) })
  return async () => {
    clearInterval(timer)
    await stop()
  }
})

process.once("SIGTERM", () => {
  void Promise.all(stops.map((stop) => stop())).then(() => process.exit(0))
})
