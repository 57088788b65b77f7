/**
 * Credentials that are refused while pods and an agent run, on a real broker with TLS and SASL whose logins have to be renewed: the user is
 * removed, and put back with the same password. Nobody ends, pods are dark and say why, the agent's round waits, and all goes
 * on by itself. Who was never let in ends, with a sentence.
 */
import { execFile } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import { makeCertificates } from "../support/certificates.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { kafkaJars } from "../support/kafkaJars.ts"
import { type Pod, partitionsOf, startPod } from "../support/pods.ts"
import { openStage, type Running, type Stage } from "../support/processes.ts"
import { describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

const version = "4.1.1"
const partitions = 4
const user = "k2p"
const password = "correct-horse"
/** A login is renewed ten seconds before its end. */
const loginMillis = 11_500
const run = promisify(execFile)

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

describeWith(["java", "mvn", "openssl", "keytool"], "a login that fails later", () => {
  let folder: string
  let kafka: KafkaCluster
  let stage: Stage
  let agent: Running
  let agentBase = ""
  const pods: Array<Pod> = []

  const connection = (secret: string): ReadonlyArray<string> => [
    ...["--brokers", kafka.secured[0]!, "--topic", "metrics", "--tls", "--tls-ca", join(folder, "authority.pem")],
    ...["--sasl-mechanism", "scram-sha-256", "--sasl-username", user, "--sasl-password", secret]
  ]
  const users = async (...change: ReadonlyArray<string>): Promise<void> => {
    const entity = ["--alter", "--entity-type", "users", "--entity-name", user, ...change]
    const tool = ["-cp", await kafkaJars(version), "kafka.admin.ConfigCommand"]
    await run("java", [...tool, "--bootstrap-server", kafka.bootstrap[0]!, ...entity])
  }
  const dump = (value: number) =>
    writeFile(join(folder, "service.prom"), `# TYPE answer gauge\nanswer{job="service"} ${value}\n`)
  const shown = async (): Promise<number> =>
    (await Promise.all(pods.map(partitionsOf))).flat().filter((p) => p.visible).length
  const shows = async (value: number): Promise<boolean> => {
    const bodies = await Promise.all(pods.map((pod) => pod.get("/metrics")))
    return bodies.some((body) => new RegExp(`^answer\\{.*\\} ${value}( \\d+)?$`, "m").test(body))
  }
  const ready = async (pod: Pod): Promise<string> => (await fetch(pod.url("/readyz"))).text()
  const counted = (text: string, name: string): number =>
    [...text.matchAll(new RegExp(`^${name}\\{.*code="AUTHENTICATION".*\\} (\\d+)$`, "gm"))].reduce(
      (sum, [, n]) => sum + Number(n),
      0
    )

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "k2p-login-"))
    kafka = await startKafka({
      version,
      security: { ...(await makeCertificates(folder)), users: { [user]: password } },
      settings: { "listener.name.secure.scram-sha-256.connections.max.reauth.ms": String(loginMillis) }
    })
    await kafka.createTopic("metrics", partitions)
    stage = await openStage()
    for (const [name, workers] of [
      ["one", "1"],
      ["two", "2"]
    ] as const)
      pods.push(
        await startPod(stage, name, [
          ...connection(password),
          ...["--group-id", "k2p-login", "--session-timeout", "6s", "--workers", workers]
        ])
      )
    await dump(1)
    agent = stage.program("agent", [
      "agent",
      ...connection(password),
      ...["--dump", join(folder, "*.prom"), "--state-dir", join(folder, "state"), "--listen", "127.0.0.1:0"]
    ])
    agentBase = (await agent.says(/listening on (http:\/\/[^/]+)\/self/))[1]!
    await until(async () => (await shown()) === partitions, { what: "all partitions" })
    await until(() => shows(1), { what: "the first dump" })
  })
  afterEach(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
  })
  afterAll(async () => {
    await stage?.close()
    await kafka?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it("ends nobody, is told once and counted, and all goes on when it is good again", async () => {
    await users("--delete-config", "SCRAM-SHA-256")
    await dump(2)
    await until(
      async () => (await Promise.all(pods.map(ready))).every((text) => /refused: .*AUTHENTICATION/.test(text)),
      {
        what: "both pods to say that they are refused",
        within: 90_000
      }
    )
    await until(async () => (await shown()) === 0, { what: "nothing shown" })
    for (const pod of pods) assert.isAbove(counted(await pod.get("/self/metrics"), "k2p_refused_total"), 0)
    await until(
      async () =>
        counted(await (await fetch(`${agentBase}/self/metrics`)).text(), "k2p_agent_produce_errors_total") > 0,
      { what: "the agent to be refused", within: 90_000 }
    )
    await dump(3)

    await users("--add-config", `SCRAM-SHA-256=[password=${password}]`)
    await until(async () => (await shown()) === partitions, { what: "all partitions again" })
    await until(() => shows(3), { what: "what was dumped meanwhile" })
    for (const [i, pod] of pods.entries()) {
      // One pod may be in, with everything, before the other one has tried again.
      await until(async () => (await pod.status()).shards.every(({ refused }) => refused === null), {
        what: `${pod.name} to be let in`
      })
      const { shards } = await pod.status()
      assert.deepStrictEqual(
        shards.map(({ workerRestarts }) => workerRestarts),
        shards.map(() => 0)
      )
      const told = pod.process.out.stderr.match(/do not let this pod in any more/g) ?? []
      assert.strictEqual(told.length, i + 1, "once for each shard")
      assert.notInclude(pod.process.out.stderr, password)
    }
    assert.notInclude(agent.out.stderr, password)
    agent.signal("SIGTERM")
    assert.deepStrictEqual(await agent.ended, { code: 0, signal: null })
  })

  it("at the start ends the pod and the agent with a sentence", async () => {
    const pod = stage.program("stranger", [
      "serve",
      ...connection("battery-staple"),
      ...["--group-id", "k2p-login", "--listen", "127.0.0.1:0", "--workers", "1"]
    ])
    assert.deepStrictEqual(await pod.ended, { code: 1, signal: null })
    assert.match(pod.out.stderr, /the brokers refused this pod: .*AUTHENTICATION/)
    const other = stage.program("other-agent", [
      "agent",
      ...connection("battery-staple"),
      ...["--dump", join(folder, "*.prom"), "--state-dir", join(folder, "other")]
    ])
    assert.deepStrictEqual(await other.ended, { code: 1, signal: null })
    assert.match(other.out.stderr, /the log does not let the agent in: .*AUTHENTICATION/)
  })
})
