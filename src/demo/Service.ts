/**
 * Service: one of the demo's services, a process of its own: it does some real work (packs and hashes text, as fast as a
 * changing load asks), logs a line of each job, measures it with its own default prom-client registry, and dumps that registry to a file.
 * It knows nothing of Kafka: what a team would add to its own service are the two lines marked below.
 *
 * Arguments: the dump file, the interval between dumps in ms, the log file. Ends on SIGTERM, or with the process that holds its input.
 */
import { createHash, randomBytes } from "node:crypto"
import { appendFileSync, renameSync } from "node:fs"
import { promisify } from "node:util"
import { gzip } from "node:zlib"
import { Counter, collectDefaultMetrics, Gauge, Histogram } from "prom-client"
import { dumpRegistry } from "../agent/service/RegistryDump.ts"

const [path = "service.prom", interval = "2000", logFile = "service.log"] = process.argv.slice(2)
collectDefaultMetrics()

const jobs = new Counter({ name: "demo_jobs_total", help: "Jobs done, by kind.", labelNames: ["kind"] })
const bytes = new Counter({ name: "demo_bytes_packed_total", help: "Bytes of text packed." })
const seconds = new Histogram({
  name: "demo_job_duration_seconds",
  help: "Duration of a job.",
  labelNames: ["kind"],
  buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5]
})
const load = new Gauge({ name: "demo_load_jobs_per_second", help: "The load that is asked for now." })
new Gauge({
  name: "demo_dump_timestamp_seconds",
  help: "When this dump was made: what the demo measures its latency with.",
  collect() {
    this.set(Date.now() / 1000)
  }
})

const lines = new Counter({ name: "demo_log_lines_total", help: "Lines written to the log file." })

/** Bytes at which the log file is rotated: often, so that it can be seen. */
const rotatedAt = 16_384
let logged = 0
const log = (text: string) => {
  const line = `${new Date().toISOString()} INFO ${text}\n`
  appendFileSync(logFile, line)
  lines.inc()
  logged += line.length
  if (logged < rotatedAt) return
  renameSync(logFile, `${logFile}.1`)
  logged = 0
}

const pack = promisify(gzip)
const work = async () => {
  const started = performance.now()
  const text = randomBytes(4_000).toString("hex")
  const kind = Math.random() < 0.7 ? "pack" : "hash"
  if (kind === "pack") {
    await pack(text)
    bytes.inc(text.length)
  } else createHash("sha256").update(text).digest()
  const took = (performance.now() - started) / 1000
  jobs.inc({ kind })
  seconds.observe({ kind }, took)
  log(`job done: ${kind} of ${text.length} bytes in ${(took * 1000).toFixed(2)} ms`)
}

let stopping = false
const loop = async () => {
  const phase = Math.random() * Math.PI
  while (!stopping) {
    const rate = 20 + 15 * Math.sin(Date.now() / 5_000 + phase)
    load.set(rate)
    await work()
    await new Promise((resolve) => setTimeout(resolve, 1_000 / rate))
  }
}

// The two lines: write the registry to a file every now and then, and once more at the end.
const stop = dumpRegistry({ path, intervalMs: Number(interval) })
process.once("SIGTERM", () => {
  stopping = true
})

// A terminal's Ctrl-C is the demo's, which asks its services to end.
process.on("SIGINT", () => {})
process.stdin.resume().once("end", () => process.exit(0))

await loop()
await stop()
process.exit(0)
