/**
 * Dumps of a real prom-client process: its default metrics, and the labelled counters, gauges and histograms of a web service that is
 * at work between the dumps. Run as a process of its own; arguments: the folder to write to, how many rounds.
 */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { Counter, collectDefaultMetrics, Gauge, Histogram, register, Summary } from "prom-client"
import { random } from "../../../src/testing/Random.ts"

const [folder = ".", rounds = "10"] = process.argv.slice(2)
const r = random(42)
collectDefaultMetrics()

const methods = ["GET", "POST", "PUT"]
const routes = Array.from({ length: 17 }, (_, i) => `/api/v2/resources/${"abcdefghijklmnopq"[i]}/:id`)
const codes = ["200", "201", "400", "404", "500"]
const seconds = new Histogram({
  name: "http_request_duration_seconds",
  help: "Duration of HTTP requests in seconds, by route and method.",
  labelNames: ["method", "route"],
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
})
const requests = new Counter({
  name: "http_requests_total",
  help: "HTTP requests answered.",
  labelNames: ["method", "route", "status_code"]
})
const queries = new Summary({
  name: "pg_query_seconds",
  help: "Time of queries by table.",
  labelNames: ["table"],
  percentiles: [0.5, 0.9, 0.99]
})
const pool = new Gauge({
  name: "pg_pool_connections",
  help: "Connections by pool and state.",
  labelNames: ["pool", "state"]
})

const work = (times: number): void => {
  for (let i = 0; i < times; i++) {
    const [method, route] = [r.pick(methods), r.pick(routes)]
    // The last routes are hardly used: their series stand still in most rounds.
    if (routes.indexOf(route) > 12 && !r.chance(0.01)) continue
    seconds.observe({ method, route }, -Math.log(1 - r.next()) * 0.08)
    requests.inc({ method, route, status_code: r.chance(0.9) ? "200" : r.pick(codes) })
    queries.observe({ table: `orders_${r.int(0, 19)}` }, -Math.log(1 - r.next()) * 0.01)
  }
  for (let i = 0; i < 20; i++)
    for (const state of ["idle", "busy", "waiting"]) pool.set({ pool: `shard-${i}`, state }, r.int(0, 100))
}

for (const method of methods)
  for (const route of routes) {
    seconds.zero({ method, route })
    for (const status_code of codes) requests.inc({ method, route, status_code }, 0)
  }
// A process in the middle of its life: every kind of garbage collection was seen, and has its series. What comes and goes after
// that (handles, requests under way) is left as it is.
for (let i = 0; i < 12; i++) {
  work(2_000)
  const garbage = Array.from({ length: 400_000 }, (_, n) => ({ n, text: `${n}` }))
  await writeFile(join(folder, "warm-up.prom"), `# ${garbage.length}\n${await register.metrics()}`)
  await delay(10)
}
for (let round = 0; round < Number(rounds); round++) {
  await writeFile(join(folder, `round-${round}.prom`), await register.metrics())
  work(r.int(500, 3_000))
  await delay(5)
}
