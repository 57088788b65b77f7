/**
 * A service that writes no file: Python's prometheus_client serves its registry, the agent scrapes it as its settings file says, a broker
 * carries it, a pod shows it. What the rules drop is not there; a service that stops is told, and so is one that is back.
 */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { type Pod, startPod } from "../support/pods.ts"
import { openStage, type Running, type Stage } from "../support/processes.ts"
import { pythonWithClient } from "../support/python.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

/** Argument: the port, 0 for any. */
const service = `
import sys, time
from prometheus_client import Counter, Histogram, start_http_server
server, thread = start_http_server(int(sys.argv[1]), addr="127.0.0.1")
work = Counter("work", "Work done.", ["kind"])
seconds = Histogram("work_seconds", "Time.", buckets=(0.1, 1))
print(f"port {server.server_port}", flush=True)
while True:
    work.labels(kind="a").inc(exemplar={"trace_id": "t1"})
    seconds.observe(0.5)
    time.sleep(0.05)
`

describeWith(["java", "mvn", "python3"], "a scraped service", () => {
  let kafka: KafkaCluster
  let stage: Stage
  let python: string
  let pod: Pod
  let agent: Running
  let app: Running
  let port = ""
  let listening = ""

  const startService = async (at: string) => {
    app = stage.run("service", python, ["-c", service, at])
    port = (await app.says(/port (\d+)/, "stdout"))[1]!
  }
  const shownValue = async (series: RegExp): Promise<number | undefined> => {
    const found = series.exec(await pod.get("/metrics", { headers: { accept: "text/plain;version=0.0.4" } }))
    return found === null ? undefined : Number(found[1])
  }
  const ownMetrics = async () => await (await fetch(`${listening}/self/metrics`)).text()
  const work = /^work_total\{[^}]*kind="a"[^}]*\} (\S+)/m

  beforeAll(async () => {
    kafka = await startKafka({ version: "4.1.1" })
    await kafka.createTopic("metrics", 1)
    stage = await openStage()
    python = await pythonWithClient()
    await startService("0")
    const config = join(stage.dir, "k2p.yaml")
    await writeFile(
      config,
      `scrape:
  - url: http://127.0.0.1:${port}
    name: shop
    job_name: shops
    scrape_interval: 1s
    labels: {team: blue}
metric_relabel_configs:
  - {source_labels: [__name__], regex: python_.*|process_.*, action: drop}
  - {source_labels: [kind], target_label: sort, action: uppercase}
`
    )
    agent = stage.program("agent", [
      ...["agent", "--config", config, "--brokers", kafka.bootstrap[0]!, "--host", "edge-1", "--listen", "127.0.0.1:0"],
      ...["--self-every", "0s", "--state-dir", join(stage.dir, "state")]
    ])
    listening = (await agent.says(/listening on (http:\S+)\/self\/metrics/))[1]!
    pod = await startPod(stage, "pod", ["--brokers", kafka.bootstrap[0]!, "--group-id", "k2p-scrape"])
  })
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
  })

  it("is shown by a pod with its labels, and grows", async () => {
    const first = await until(() => shownValue(work), { what: "the service's counter" })
    await until(async () => (await shownValue(work))! > first, { what: "a later value" })
    const body = await pod.get("/metrics", {
      headers: { accept: "application/openmetrics-text;version=1.0.0" }
    })
    const line = /^work_total.*$/m.exec(body)?.[0] ?? ""
    for (const label of ['kind="a"', 'sort="A"', 'instance="edge-1/shop"', 'job="shops"', 'team="blue"'])
      assert.include(line, label)
    // The agent asked for OpenMetrics, as Prometheus does: text has no exemplars.
    assert.match(line, /# \{trace_id="t1"\}/)
    assert.match(body, /^# TYPE work_seconds histogram$/m)
    assert.match(body, /^work_seconds_bucket\{.*le="\+Inf"/m)
  })

  it("what the rules drop is not there, with its metadata, and is counted", async () => {
    const body = await pod.get("/metrics")
    assert.notMatch(body, /python_|process_/)
    const own = await ownMetrics()
    assert.match(own, /^k2p_agent_series_dropped_total\{why="rule"\} [1-9]/m)
    assert.match(own, /^k2p_agent_scrape_up\{target="shop"\} 1$/m)
    assert.match(own, /^k2p_agent_scrape_last_success_timestamp_seconds\{target="shop"\} \d/m)
  })

  it("is told when it stops answering and when it is back, each once", async () => {
    const { port: old } = { port }
    await app.kill()
    await agent.says(/gives no round: the connection is refused/)
    await until(async () => /^k2p_agent_scrape_up\{target="shop"\} 0$/m.test(await ownMetrics()), {
      what: "up to be 0"
    })
    await startService(old)
    await agent.says(/gives rounds again, after \d+ scrapes? without/)
    assert.strictEqual(agent.out.stderr.match(/gives no round/g)?.length, 1)
  })

  it("the agent ends in order while it scrapes", async () => {
    agent.signal("SIGTERM")
    assert.deepStrictEqual(await agent.ended, { code: 0, signal: null })
  })
})
