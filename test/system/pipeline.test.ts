/**
 * The whole pipeline as its users meet it, on real parts: services dump their registries, an agent tails the dumps, a broker
 * carries them, three pods serve them; other producers, bad input, committed offsets.
 */
import { execFile, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { promisify } from "node:util"
import { gunzipSync } from "node:zlib"
import { afterAll, afterEach, assert, beforeAll, it, vi } from "vitest"
import { Judge, readBody } from "../support/exposed.ts"
import { type KafkaCluster, startKafka } from "../support/kafka.ts"
import { type Senders, startSenders } from "../support/pipeline.ts"
import { type Pod, partitionsOf, startPod, untilSpread } from "../support/pods.ts"
import { openStage, type Stage } from "../support/processes.ts"
import { parseInPython } from "../support/python.ts"
import { describeKafka, describeWith } from "../support/tools.ts"
import { until } from "../support/until.ts"

const exec = promisify(execFile)
const partitions = 6

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

for (const version of ["3.9.1", "4.1.1"] as const)
  describeKafka(`the pipeline on Kafka ${version}`, () => {
    let kafka: KafkaCluster
    let stage: Stage
    let senders: Senders
    let pods: ReadonlyArray<Pod>
    const judge = new Judge()

    const serve = (name: string, topic: string, group: string, ...args: ReadonlyArray<string>) =>
      startPod(stage, name, [
        ...["--brokers", kafka.bootstrap[0]!, "--topic", topic, "--group-id", group, "--client-id", name, ...args]
      ])
    /** One scrape of each pod, one after the other. */
    const sweep = async () => {
      const bodies = []
      for (const pod of pods) {
        const body = readBody(await pod.get("/metrics"))
        judge.judge(pod.name, body)
        bodies.push(body)
      }
      return bodies
    }
    const sourcesOf = (bodies: Awaited<ReturnType<typeof sweep>>) => bodies.flatMap((b) => [...b.rounds.keys()]).sort()

    beforeAll(async () => {
      kafka = await startKafka({ version })
      await kafka.createTopic("metrics", partitions)
      stage = await openStage()
      senders = await startSenders(stage, {
        brokers: kafka.bootstrap[0]!,
        topic: "metrics",
        partitions,
        perPartition: 2,
        dumpEvery: 600,
        args: ["--compression", "zstd", "--acks", "all", "--label", "region=eu"]
      })
      pods = await Promise.all(["a", "b", "c"].map((name) => serve(name, "metrics", "k2p-pipeline")))
      await untilSpread(pods, [2, 2, 2])
    })
    afterEach(({ task }) => {
      if (task.result?.state === "fail") process.stderr.write(`${stage.logs()}\n`)
    })
    afterAll(async () => {
      await stage?.close()
      await kafka?.stop()
    })

    it("every source appears on exactly one of the pods, and its values grow", async () => {
      const first = await until(
        async () => {
          const bodies = await sweep()
          return sourcesOf(bodies).join() === senders.sources.join() ? bodies : undefined
        },
        { what: () => `the ${senders.sources.length} sources` }
      )
      const rounds = new Map(first.flatMap((b) => [...b.rounds]))
      await until(
        async () => {
          const bodies = await sweep()
          assert.deepStrictEqual(sourcesOf(bodies), [...senders.sources])
          return bodies.flatMap((b) => [...b.rounds]).every(([source, round]) => round >= rounds.get(source)! + 2)
        },
        { what: "two more rounds of every source" }
      )
      assert.deepStrictEqual(judge.wrong, [])
    })

    it("every series carries the labels that a direct scrape would attach, and those of the agent", async () => {
      for (const { samples } of await sweep())
        for (const series of samples.keys()) {
          const [, source] = /[{,]instance="(edge-1\/svc-\d+)"/.exec(series) ?? []
          assert.include(senders.sources, source, series)
          assert.match(series, /[{,]job="shop"[,}]/)
          assert.match(series, /[{,]region="eu"[,}]/)
        }
    })

    describeWith(["promtool", "python3"], "bodies of /metrics", () => {
      it("are what was asked for, and other programs' parsers take them, the default metrics among them", async () => {
        const openmetrics = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
        const asked = await Promise.all(
          pods.flatMap((pod) =>
            [
              { format: "text", accept: "text/plain;version=0.0.4", type: /^text\/plain; ?version=0\.0\.4/ },
              { format: "openmetrics", accept: openmetrics, type: /^application\/openmetrics-text; ?version=1\.0\.0/ }
            ].map(async ({ format, accept, type }) => {
              const response = await fetch(pod.url("/metrics"), { headers: { accept } })
              assert.match(response.headers.get("content-type") ?? "", type)
              assert.strictEqual(response.headers.get("cache-control"), "no-store")
              return { format: format as "text" | "openmetrics", body: await response.text() }
            })
          )
        )
        const verdicts = await parseInPython(asked)
        for (const [i, verdict] of verdicts.entries()) {
          assert.isUndefined(verdict.error, asked[i]!.body)
          assert.isAbove(verdict.samples.length, 20)
        }
        assert.include(asked.map(({ body }) => body).join(), "nodejs_eventloop_lag_seconds{")
        for (const { body } of asked.filter(({ format }) => format === "text")) {
          const { status, stderr } = spawnSync("promtool", ["check", "metrics"], { input: body, encoding: "utf8" })
          // 3 is its opinion on the names that prom-client gives to its own metrics.
          assert.include([0, 3], status, stderr)
        }
      })
    })

    describeWith(["curl"], "the encoding", () => {
      it("of a body is gzip where that is asked for, and only there", async () => {
        const raw = async (...args: ReadonlyArray<string>) => {
          const whole = ["-sS", "-i", ...args, pods[0]!.url("/metrics")]
          const { stdout } = await exec("curl", whole, { encoding: "buffer", maxBuffer: 1e8 })
          const end = stdout.indexOf("\r\n\r\n")
          return { head: stdout.subarray(0, end).toString(), body: stdout.subarray(end + 4) }
        }
        const [plain, packed] = await Promise.all([raw(), raw("-H", "Accept-Encoding: gzip")])
        assert.notMatch(plain.head, /content-encoding/i)
        assert.match(packed.head, /content-encoding: gzip/i)
        assert.sameMembers(
          [...readBody(gunzipSync(packed.body).toString()).samples.keys()],
          [...readBody(plain.body.toString()).samples.keys()]
        )
      })
    })

    describeWith(["kcat"], "another producer", () => {
      const produce = async (key: string, text: string, ...args: ReadonlyArray<string>) => {
        const child = spawn(
          "kcat",
          ["-b", kafka.bootstrap[0]!, "-P", "-t", "metrics", "-k", key, "-D", "\x01", ...args],
          { stdio: ["pipe", "ignore", "pipe"] }
        )
        let errors = ""
        child.stderr.on("data", (chunk) => {
          errors += chunk
        })
        child.stdin.end(text)
        const [code] = await once(child, "close")
        assert.strictEqual(code, 0, errors)
      }
      const bodies = async () => (await Promise.all(pods.map((pod) => pod.get("/metrics")))).join("\n")

      it("needs nothing but a key: kcat's plain text is on a pod", async () => {
        await produce("router-7", '# TYPE packets_total counter\npackets_total{port="1"} 12\n')
        await until(async () => /^packets_total\{port="1",.*instance="router-7".*\} 12( \d+)?$/m.test(await bodies()), {
          what: "kcat's series"
        })
      })

      it("that sends a line that is no exposition text loses that line, and an operator sees it", async () => {
        const round = ["-H", "k2p-round=1.1"]
        await produce("broken-1", "# TYPE good_total counter\ngood_total 1\n", ...round)
        await until(async () => (await bodies()).includes("good_total{"), { what: "the good round" })
        await produce("broken-1", "good_total 2\nthis is } not a metric\n", "-H", "k2p-round=1.2")
        const refusal = await until(
          async () => {
            const all = await Promise.all(pods.map(partitionsOf))
            return all
              .flat()
              .flatMap((p) => p.refusals)
              .find((r) => r.source === "broken-1")
          },
          { what: "the refused line in a pod's status" }
        )
        assert.strictEqual(refusal.count, 1)
        assert.strictEqual(refusal.reason, "value")
        assert.notStrictEqual(refusal.detail, "")
        assert.strictEqual(refusal.sample, "this is } not a metric")
        const own = (await Promise.all(pods.map((pod) => pod.get("/self/metrics")))).join("\n")
        assert.match(own, new RegExp(`^k2p_lines_refused_total\\{reason="${refusal.reason}"\\} 1$`, "m"))
        // The good line of that round is shown, and so are all other sources.
        await until(async () => /^good_total\{.*instance="broken-1".*\} 2( \d+)?$/m.test(await bodies()), {
          what: "the good line"
        })
        assert.includeMembers(sourcesOf(await sweep()), [...senders.sources])
      })
    })

    it("everything is committed once it could be seen, and the commits are readable with Kafka's tools", async () => {
      senders.service.signal("SIGTERM")
      senders.agent.signal("SIGTERM")
      assert.deepStrictEqual((await senders.service.ended).code, 0)
      assert.deepStrictEqual(await senders.agent.ended, { code: 0, signal: null })
      const ends = await kafka.admin.fetchTopicOffsets("metrics")
      assert.isTrue(ends.every(({ high }) => Number(high) > 4))
      await until(
        async () => {
          const [committed] = await kafka.admin.fetchOffsets({ groupId: "k2p-pipeline", topics: ["metrics"] })
          return ends.every(
            ({ partition, high }) => committed!.partitions.find((p) => p.partition === partition)?.offset === high
          )
        },
        { what: () => `commits of the ends ${JSON.stringify(ends)}` }
      )
      assert.deepStrictEqual(judge.wrong, [])
    })

    describeWith(["kcat"], "an agent's source that is gone for good", () => {
      const tombstone = async (source: string, ...args: ReadonlyArray<string>) => {
        const options = ["-b", kafka.bootstrap[0]!, "-P", "-t", "metrics", "-K:", "-Z", ...args]
        const child = spawn("kcat", options, { stdio: ["pipe", "ignore", "inherit"] })
        child.stdin.end(`${source}:\n`)
        assert.deepStrictEqual(await once(child, "close"), [0, null])
      }

      it("is ended by kcat with murmur2_random, as the README says, long before it expires", async () => {
        const [gone, ...others] = senders.sources
        await tombstone(gone!, "-X", "topic.partitioner=murmur2_random")
        await until(async () => !sourcesOf(await sweep()).includes(gone!), { what: `${gone} to go`, within: 30_000 })
        assert.includeMembers(sourcesOf(await sweep()), others)
      })
    })

    it("with --commit scraped an offset is committed only after a Prometheus took its value", async () => {
      await kafka.createTopic("scraped", 1)
      const pod = await serve("s", "scraped", "k2p-scraped", "--commit", "scraped")
      await untilSpread([pod], [1])
      const producer = ["-b", kafka.bootstrap[0]!, "-P", "-t", "scraped", "-k", "x", "-D", "\x01"]
      const child = spawn("kcat", producer, { stdio: ["pipe", "ignore", "ignore"] })
      child.stdin.end("up_total 1\n")
      await once(child, "close")
      const committed = async () => {
        const [topic] = await kafka.admin.fetchOffsets({ groupId: "k2p-scraped", topics: ["scraped"] })
        return Number(topic!.partitions[0]!.offset)
      }
      // People look at it, again and again; a commit is made at least every quarter of the session timeout.
      const commits = async () =>
        Number(/^k2p_commits_total\{outcome="confirmed"\} (\d+)/m.exec(await pod.get("/self/metrics"))?.[1] ?? 0)
      await until(async () => (await pod.get("/metrics")).includes("up_total{"), { what: "the value" })
      const before = await commits()
      await until(async () => (await commits()) > before, { what: "another commit" })
      assert.isAtMost(await committed(), 0)
      await pod.get("/metrics", { headers: { "x-prometheus-scrape-timeout-seconds": "10" } })
      await until(async () => (await committed()) === 1, { what: "the commit of what was scraped" })
    })
  })
