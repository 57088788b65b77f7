/** Scraping against real servers. It waits for rounds and states, never for time. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import type { RequestListener } from "node:http"
import type { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as ScrapeSource from "../../../src/agent/scrape/ScrapeSource.ts"
import type { ScrapeTarget } from "../../../src/agent/scrape/ScrapeTarget.ts"
import { SelfMetrics } from "../../../src/SelfMetrics.ts"
import { type Certificates, makeCertificates } from "../../support/certificates.ts"
import { describeWith } from "../../support/tools.ts"
import { logLines, type Recorder, recorder, serving, targetOf, waitFor } from "./endpoints.ts"

const plain = "text/plain; version=0.0.4; charset=utf-8"
const answer =
  (body: string | Buffer, type = plain, headers: Record<string, string> = {}): RequestListener =>
  (_, response) => {
    response.writeHead(200, { ...(type === "" ? {} : { "Content-Type": type }), ...headers }).end(body)
  }

/** Runs in the test's Scope. */
const start = Effect.fnUntraced(function* (
  targets: ReadonlyArray<ScrapeTarget>,
  sink: Recorder = recorder(),
  maxBytes = 1_000_000
) {
  const source = yield* ScrapeSource.make({ targets, host: "h", maxDumpBytes: maxBytes })
  yield* Effect.forkScoped(source.run(sink))
  const state = (i = 0) => source.targets()[i]!.state
  return {
    source,
    sink,
    state,
    becomes: (wanted: ScrapeSource.ScrapeState, i = 0) => waitFor(() => state(i) === wanted)
  }
})

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "k2p-scrape-"))),
  (dir) => Effect.promise(() => rm(dir, { recursive: true, force: true }))
)

describe("ScrapeSource", () => {
  const log = logLines()
  const test = (name: string, body: () => Effect.Effect<void, unknown, SelfMetrics | Scope.Scope>) =>
    it.live(name, () => {
      log.lines.length = 0
      return Effect.provide(body(), [SelfMetrics.layerBare, log.layer])
    })

  test("a body is a round of its target, asked for as Prometheus asks", () =>
    Effect.gen(function* () {
      const requests: Array<Record<string, unknown>> = []
      const { url, port } = yield* serving((request, response) => {
        requests.push({ method: request.method, url: request.url, ...request.headers })
        answer("a 1\n")(request, response)
      })
      const before = Date.now()
      const { source, sink } = yield* start([
        targetOf(`${url}/m?x=y`, { name: "n", job: "j", labels: { team: "t" }, timeout: 1_500 })
      ])
      yield* sink.has(1)
      const { time, text, ...round } = sink.rounds[0]!
      assert.deepStrictEqual(round, {
        source: "h/n",
        job: "j",
        labels: { team: "t" },
        age: 0,
        origin: `${url}/m?…`,
        format: "text"
      })
      assert.strictEqual(Buffer.from(text).toString(), "a 1\n")
      assert.isTrue(time >= before && time <= Date.now())
      assert.deepInclude(requests[0], {
        method: "GET",
        url: "/m?x=y",
        host: `127.0.0.1:${port}`,
        "accept-encoding": "gzip",
        "x-prometheus-scrape-timeout-seconds": "1.5",
        accept:
          "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5," +
          "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
      })
      assert.match(String(requests[0]?.["user-agent"]), /^Prometheus\/3 kafka2prom\//)
      yield* waitFor(() => source.targets()[0]!.state === "up")
      assert.deepInclude(source.targets()[0], { url: `${url}/m?…`, source: "h/n", why: "", bytes: 4 })
    }))

  test("every body is a round, also one that says the same again; connections are kept", () =>
    Effect.gen(function* () {
      let connections = 0
      const { server, url } = yield* serving(answer("a 1\n"))
      server.on("connection", () => connections++)
      const { sink } = yield* start([targetOf(url)])
      yield* sink.has(5)
      assert.strictEqual(connections, 1)
    }))

  test("a kept connection that the server closes costs no round", () =>
    Effect.gen(function* () {
      const asked = new WeakSet<Socket>()
      let closed = 0
      const { url } = yield* serving((request, response) => {
        const { socket } = request
        if (!asked.has(socket)) {
          asked.add(socket)
          answer("a 1\n")(request, response)
          return
        }
        closed++
        socket.destroy()
      })
      const { sink } = yield* start([targetOf(url)])
      yield* sink.has(4)
      assert.isAtLeast(closed, 3)
      assert.deepStrictEqual(log.lines, [])
    }))

  test("gzip is taken, and OpenMetrics by its content type", () =>
    Effect.gen(function* () {
      const text = "# TYPE a counter\na_total 1\n# EOF\n"
      const { url } = yield* serving(
        answer(gzipSync(text), "application/openmetrics-text; version=1.0.0", { "Content-Encoding": "gzip" })
      )
      const { sink } = yield* start([targetOf(url)])
      yield* sink.has(1)
      assert.deepInclude(sink.rounds[0], { format: "openmetrics" })
      assert.strictEqual(sink.texts()[0], text)
    }))

  const whole = "# TYPE a gauge\na 1\nb 2\n"
  const bad: ReadonlyArray<[what: string, listener: RequestListener, state: ScrapeSource.ScrapeState, why: RegExp]> = [
    ["that answers 500", (_, response) => response.writeHead(500).end("a 1\n"), "status", /HTTP 500/],
    ["that answers 204", (_, response) => response.writeHead(204).end(), "status", /HTTP 204/],
    ["with a login page", answer("<html>", "text/html"), "content-type", /"text\/html" is none of metrics/],
    ["without a content type", answer("a 1\n", ""), "content-type", /no content type/],
    ["with protobuf", answer("x", "application/vnd.google.protobuf"), "content-type", /none of metrics/],
    ["whose text is none", answer("<html>\n<body>\n"), "body", /not exposition text.*"<html>"/],
    ["whose text is words", answer("Not found\nhere 1x\n"), "body", /not exposition text.*"Not found"/],
    ["whose last line has no line feed", answer("a 1\nb 2"), "body", /no line feed/],
    ["with OpenMetrics without # EOF", answer(whole, "application/openmetrics-text"), "body", /without # EOF/],
    [
      "whose body is shorter than its content length",
      (_, response) => {
        response
          .writeHead(200, { "Content-Type": plain, "Content-Length": "100" })
          .write(whole, () => response.destroy())
      },
      "body",
      /ends early/
    ],
    [
      "whose last chunk does not come",
      (_, response) => {
        response.writeHead(200, { "Content-Type": plain }).write(whole, () => response.destroy())
      },
      "body",
      /ends early/
    ],
    [
      "whose gzip is cut",
      answer(gzipSync(whole).subarray(0, -9), plain, { "Content-Encoding": "gzip" }),
      "body",
      /ends early or cannot be unpacked/
    ],
    ["whose gzip is none", answer(whole, plain, { "Content-Encoding": "gzip" }), "body", /cannot be unpacked/],
    ["packed as nobody asked", answer(whole, plain, { "Content-Encoding": "br" }), "body", /packed as "br"/],
    [
      "that redirects for ever",
      (request, response) => response.writeHead(302, { Location: `${request.url}x` }).end(),
      "redirect",
      /more than 10 times/
    ],
    [
      "that redirects to a file",
      (_, response) => response.writeHead(301, { Location: "file:///etc/passwd" }).end(),
      "redirect",
      /no HTTP URL/
    ],
    [
      "of a body beyond the limit",
      (_, response) => {
        response.writeHead(200, { "Content-Type": plain })
        const more = (): void => {
          while (!response.destroyed && response.write("a 1\n".repeat(10_000)));
        }
        response.on("drain", more)
        more()
      },
      "too-large",
      /larger than 1000000 bytes/
    ],
    [
      "of a small gzip that is a huge body",
      answer(gzipSync("a 1\n".repeat(3_000_000)), plain, { "Content-Encoding": "gzip" }),
      "too-large",
      /larger than 1000000 bytes/
    ]
  ]
  for (const [what, listener, state, why] of bad)
    test(`a target ${what} gives no round, and is told once`, () =>
      Effect.gen(function* () {
        let requests = 0
        const { url } = yield* serving((request, response) => {
          requests++
          listener(request, response)
        })
        const { source, sink, becomes } = yield* start([targetOf(url)])
        yield* becomes(state)
        yield* waitFor(() => requests > 2)
        assert.match(source.targets()[0]!.why, why)
        assert.deepStrictEqual(sink.rounds, [])
        assert.strictEqual(log.lines.length, 1)
        assert.match(log.lines[0]!, why)
        assert.isTrue(log.lines[0]!.startsWith(`Warn ${url}/ (source h/app) gives no round: `), log.lines[0])
      }))

  test("a bad line harms only itself: that is for the pods; an empty body is an empty round", () =>
    Effect.gen(function* () {
      let body = "1bad 1\na 1\n"
      const { url } = yield* serving((request, response) => answer(body)(request, response))
      const { sink } = yield* start([targetOf(url)])
      yield* sink.has(1)
      assert.strictEqual(sink.texts()[0], body)
      body = ""
      yield* waitFor(() => sink.texts().includes("\n"))
      body = "# TYPE a gauge\n"
      yield* waitFor(() => sink.texts().includes(body))
      assert.deepStrictEqual(log.lines, [])
    }))

  test("an endpoint that comes and goes is told when it goes and when it is back", () =>
    Effect.gen(function* () {
      let down = false
      const { url } = yield* serving((request, response) => {
        if (down) response.writeHead(503).end()
        else answer("a 1\n")(request, response)
      })
      const { sink, source, becomes } = yield* start([targetOf(url)])
      yield* becomes("up")
      down = true
      yield* becomes("status")
      const rounds = sink.rounds.length
      yield* waitFor(() => log.lines.length > 0)
      down = false
      yield* becomes("up")
      // Nothing of the time between is made up for or sent again.
      assert.isAtLeast(sink.rounds.length, rounds)
      assert.deepInclude(source.targets()[0], { why: "" })
      yield* waitFor(() => log.lines.length === 2)
      assert.match(log.lines[1]!, /^Info .* gives rounds again, after \d+ scrapes without one$/)
    }))

  test("nobody who listens is told as refused", () =>
    Effect.gen(function* () {
      const { server, url } = yield* serving(answer("a 1\n"))
      server.close()
      const { source, becomes } = yield* start([targetOf(url)])
      yield* becomes("unreachable")
      assert.match(source.targets()[0]!.why, /the connection is refused/)
    }))

  test("what a server says goes to the log as one line", () =>
    Effect.gen(function* () {
      const { url } = yield* serving((_, response) => {
        response.socket!.end("HTTP/1.1 200 OK\r\nContent-Type: x\u001b[31m\u0085y\r\nContent-Length: 0\r\n\r\n")
      })
      const { becomes } = yield* start([targetOf(url)])
      yield* waitFor(() => log.lines.length > 0)
      yield* Effect.raceFirst(becomes("content-type"), becomes("unreachable"))
      assert.notMatch(log.lines.join(""), /[\x00-\x1f\x7f-\x9f]/)
    }))

  test("a slow target fails by its timeout, its scrapes do not overlap, and it holds no other", () =>
    Effect.gen(function* () {
      let now = 0
      let most = 0
      const slow = yield* serving((_, response) => {
        most = Math.max(most, ++now)
        response.on("close", () => now--)
        // A body that never ends, byte by byte.
        response.writeHead(200, { "Content-Type": plain })
        const timer = setInterval(() => response.write("a"), 1)
        response.on("close", () => clearInterval(timer))
      })
      const quick = yield* serving(answer("a 1\n"))
      const { source, sink, becomes } = yield* start([
        targetOf(slow.url, { timeout: 150, interval: 5 }),
        targetOf(quick.url, { name: "quick" })
      ])
      yield* sink.has(3)
      yield* becomes("timeout")
      yield* becomes("up", 1)
      assert.match(source.targets()[0]!.why, /did not come within 0.15 s/)
      assert.strictEqual(most, 1)
    }))

  test("a body for which there is no room is not read on", () =>
    Effect.gen(function* () {
      const { url } = yield* serving(answer("a 1\n".repeat(50_000)))
      const { sink, becomes } = yield* start(
        [targetOf(url)],
        recorder((source, bytes) => source === "h/app" && bytes < 100_000)
      )
      yield* becomes("no-room")
      assert.deepStrictEqual(sink.rounds, [])
    }))

  test("passwords and tokens come from their files, read anew for each scrape", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const token = join(dir, "token")
      const seen: Array<string | undefined> = []
      const { url } = yield* serving((request, response) => {
        seen.push(request.headers.authorization)
        answer("a 1\n")(request, response)
      })
      const { source, becomes, sink } = yield* start([
        targetOf(url, { authorization: { kind: "credentials", type: "Bearer", credentials: { file: token } } })
      ])
      yield* becomes("credentials")
      assert.match(source.targets()[0]!.why, /credentials_file .*token cannot be read \(ENOENT\)/)
      yield* Effect.promise(() => writeFile(token, "first\n"))
      yield* sink.has(1)
      yield* Effect.promise(() => writeFile(token, "second\n"))
      yield* waitFor(() => seen.includes("Bearer second"))
      assert.strictEqual(seen[0], "Bearer first")
      assert.notMatch(log.lines.join("\n"), /first|second/)
    }))

  test("a redirect is followed; a password goes to no other host", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const far = yield* serving((request, response) => {
        seen.push(`far ${request.headers.authorization}`)
        answer("a 1\n")(request, response)
      })
      const near = yield* serving((request, response) => {
        seen.push(`${request.url} ${request.headers.authorization}`)
        const to = request.url === "/" ? "/next" : `http://localhost:${far.port}/metrics`
        response.writeHead(307, { Location: to }).end()
      })
      const password = { text: "p" }
      const { sink } = yield* start([targetOf(near.url, { authorization: { kind: "basic", username: "u", password } })])
      yield* sink.has(1)
      assert.deepStrictEqual(seen.slice(0, 3), ["/ Basic dTpw", "/next Basic dTpw", "far undefined"])
    }))

  test("where redirects are not followed they are an answer like any other", () =>
    Effect.gen(function* () {
      const { url } = yield* serving((_, response) => response.writeHead(302, { Location: "/x" }).end())
      const { source, becomes } = yield* start([targetOf(url, { followRedirects: false })])
      yield* becomes("status")
      assert.match(source.targets()[0]!.why, /HTTP 302/)
    }))

  test("its metrics say for each target how it is", () =>
    Effect.gen(function* () {
      const { url } = yield* serving(answer("a 1\n"))
      const metrics = yield* SelfMetrics
      const { becomes } = yield* start([targetOf(url), targetOf("http://127.0.0.1:1/", { name: "dead" })])
      yield* becomes("up")
      yield* becomes("unreachable", 1)
      const value = async (name: "agentScrapeUp" | "agentScrapeBytes") =>
        Object.fromEntries((await metrics[name].get()).values.map(({ labels, value }) => [labels.target, value]))
      assert.deepStrictEqual(yield* Effect.promise(() => value("agentScrapeUp")), { app: 1, dead: 0 })
      assert.deepStrictEqual(yield* Effect.promise(() => value("agentScrapeBytes")), { app: 4 })
    }))
})

describeWith(["openssl", "keytool"], "scraping over TLS", () => {
  const log = logLines()
  it.live("authority, client certificate and server name are checked as told", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const made: Certificates = yield* Effect.promise(() => makeCertificates(dir))
      const at = (name: string) => join(dir, name)
      const read = (name: string) =>
        Effect.promise(() => import("node:fs/promises").then((fs) => fs.readFile(at(name))))
      const { url } = yield* serving(answer("a 1\n"), {
        cert: yield* read("server.pem"),
        key: yield* read("server.key"),
        ca: made.ca
      })
      const demanding = yield* serving(answer("a 1\n"), {
        cert: yield* read("server.pem"),
        key: yield* read("server.key"),
        ca: made.ca,
        requestCert: true,
        rejectUnauthorized: true
      })
      const ca = at("authority.pem")
      const client = { cert: at("client.pem"), key: at("client.key") }
      const cases: ReadonlyArray<[string, string, ScrapeTarget["tls"], ScrapeSource.ScrapeState, RegExp]> = [
        ["trusted", url, { ca, insecure: false }, "up", /^$/],
        ["stranger", url, { ca: at("stranger.pem"), insecure: false }, "unreachable", /unable to verify|certificate/i],
        ["system", url, { insecure: false }, "unreachable", /unable to verify|certificate/i],
        ["unchecked", url, { insecure: true }, "up", /^$/],
        ["named", url, { ca, serverName: "localhost", insecure: false }, "up", /^$/],
        ["misnamed", url, { ca, serverName: "other.test", insecure: false }, "unreachable", /altnames|Hostname/i],
        ["known", demanding.url, { ca, ...client, insecure: false }, "up", /^$/],
        ["unknown", demanding.url, { ca, insecure: false }, "unreachable", /./],
        ["missing", url, { ca: at("nowhere.pem"), insecure: false }, "credentials", /ca_file .* cannot be read/]
      ]
      const targets = cases.map(([name, to, tls]) => targetOf(to, { name, tls }))
      const { source, becomes } = yield* start(targets)
      for (const [i, [name, , , state, why]] of cases.entries()) {
        yield* becomes(state, i).pipe(
          Effect.timeout("20 seconds"),
          Effect.mapError(() => new Error(`${name}: ${JSON.stringify(source.targets()[i])}`))
        )
        assert.match(source.targets()[i]!.why, why, name)
      }
    }).pipe(Effect.provide([SelfMetrics.layerBare, log.layer]))
  )
})
