/** What every store must keep, on the servers of buckets: versitygw for S3, Azurite for Azure; and that they say in words what a person has to see to. */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect, Result } from "effect"
import { afterAll, assert, beforeAll, it, vi } from "vitest"
import { azureBlob } from "../../../src/archive/store/AzureBlob.ts"
import { probe } from "../../../src/archive/store/Probe.ts"
import { s3 } from "../../../src/archive/store/S3.ts"
import type { Store } from "../../../src/archive/store/Store.ts"
import { account, startAzurite } from "../../support/azurite.ts"
import { openStage, type Stage } from "../../support/processes.ts"
import { credentials, startVersity } from "../../support/s3Server.ts"
import { describeWith } from "../../support/tools.ts"

vi.setConfig({ testTimeout: 60_000, hookTimeout: 400_000 })

describeWith(["go", "npm"], "a bucket as a store", () => {
  let stage: Stage
  let endpoint: string
  const stores = new Map<string, (bucket: string) => Store>()

  beforeAll(async () => {
    stage = await openStage()
    Object.assign(process.env, credentials)
    ;({ endpoint } = await startVersity(stage))
    stores.set("S3", (bucket) => s3({ kind: "s3", bucket, prefix: "eu/a" }, { s3Endpoint: endpoint }))
    const env = { AZURE_STORAGE_CONNECTION_STRING: await startAzurite(stage) }
    const place = { kind: "azblob", account, prefix: "eu/a" } as const
    stores.set("Azure", (container) => Effect.runSync(azureBlob({ ...place, container }, env)))
  })
  afterAll(async () => {
    await stage?.close()
    for (const name of Object.keys(credentials)) delete process.env[name]
  })

  for (const kind of ["S3", "Azure"]) {
    const within = <A>(body: (store: Store) => Effect.Effect<A, { readonly message: string }>, bucket = "logs") =>
      Effect.runPromise(Effect.suspend(() => body(stores.get(kind)!(bucket))))

    it(`${kind}: gives a name once, whoever races for it`, () =>
      within((store) =>
        Effect.gen(function* () {
          yield* probe(store)
          yield* probe(store)
          const racers = Array.from({ length: 24 }, (_, i) => i)
          const outcomes = yield* Effect.forEach(
            racers,
            (i) => Effect.result(store.create("race/b=1/c", [Buffer.from(`${i}`), Buffer.from(" x")])),
            { concurrency: "unbounded" }
          )
          // A server may be too busy to say; nobody but one is told that it created.
          const created = outcomes.flatMap((o, i) => (Result.isSuccess(o) && o.success === "created" ? [i] : []))
          assert.lengthOf(created, 1)
          assert.strictEqual(Buffer.from((yield* store.read("race/b=1/c"))!).toString(), `${created[0]} x`)
        })
      ))

    it(`${kind}: reads ends, says what is missing, lists by the beginning of names, and removes`, () =>
      within((store) =>
        Effect.gen(function* () {
          assert.isUndefined(yield* store.read("t/x"))
          assert.isUndefined(yield* store.readTail("t/x", 10))
          yield* store.create("t/life-1", [Buffer.from("0123456789")])
          yield* store.create("t/life-12", [Buffer.from("a")])
          yield* store.create("u/life-1", [])
          assert.strictEqual((yield* store.readTail("u/life-1", 10))!.size, 0)
          const tail = yield* store.readTail("t/life-1", 3)
          assert.deepStrictEqual([Buffer.from(tail!.bytes).toString(), tail!.size], ["789", 10])
          assert.strictEqual((yield* store.readTail("t/life-1", 100))!.bytes.length, 10)
          const part = (from: number, bytes: number) =>
            Effect.map(store.readPart("t/life-1", from, bytes), (found) => Buffer.from(found!).toString())
          assert.deepStrictEqual([yield* part(2, 3), yield* part(8, 9), yield* part(10, 1)], ["234", "89", ""])
          assert.isUndefined(yield* store.readPart("t/x", 0, 1))
          const found: Array<string> = []
          yield* store.list("t/life-", ({ name, bytes }) => found.push(`${name} ${bytes}`))
          assert.deepStrictEqual(found.sort(), ["t/life-1 10", "t/life-12 1"])
          yield* store.remove("t/life-1")
          yield* store.remove("t/life-1")
          assert.isUndefined(yield* store.read("t/life-1"))
        })
      ))

    it(`${kind}: says in words that there is no such place`, () =>
      within(
        (store) =>
          Effect.map(Effect.result(store.create("a", [Buffer.from("x")])), (result) => {
            if (Result.isSuccess(result)) return assert.fail(result.success)
            const { message, refused } = result.failure
            assert.match(message, /(NoSuchBucket|ContainerNotFound) \(404\).*create it/)
            assert.isTrue(refused)
          }),
        "no-such-place"
      ))
  }

  const refusals: ReadonlyArray<
    readonly [what: string, env: NodeJS.ProcessEnv, settings: { s3Region?: string; s3Endpoint?: string }, words: RegExp]
  > = [
    [
      "a key that nobody has",
      { AWS_ACCESS_KEY_ID: "AKIANOBODYHASTHISKEY" },
      {},
      /(XAdminUserNotFound|InvalidAccessKeyId) \(40[34]\).*does not know this access key/
    ],
    [
      "another secret",
      { AWS_SECRET_ACCESS_KEY: "another" },
      {},
      /SignatureDoesNotMatch \(403\).*secret key is not the access key's/
    ],
    ["another region", {}, { s3Region: "eu-west-1" }, /AuthorizationHeaderMalformed \(400\).*--s3-region/],
    ["no bucket's name", {}, {}, /InvalidBucketName|NoSuchBucket/],
    ["nobody at the endpoint", {}, { s3Endpoint: "http://127.0.0.1:1" }, /ECONNREFUSED.*look at --s3-endpoint/]
  ]
  for (const [what, env, settings, words] of refusals)
    it(`S3: says what to do about ${what}`, async () => {
      const before = { ...process.env }
      Object.assign(process.env, env)
      try {
        const bucket = what === "no bucket's name" ? "A_b" : "logs"
        const store = s3({ kind: "s3", bucket, prefix: "x" }, { s3Endpoint: endpoint, ...settings })
        const { message } = await Effect.runPromise(Effect.flip(probe(store)))
        assert.match(message, words)
        assert.match(message, new RegExp(`s3://${bucket}/x/_k2p/probe`))
        assert.notInclude(message, process.env.AWS_SECRET_ACCESS_KEY!)
      } finally {
        Object.assign(process.env, before)
      }
    })

  it("S3: says that clocks differ, and is asked again: the client follows the store's clock", async () => {
    const body = "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large.</Message></Error>"
    const server = createServer((_, response) =>
      response.writeHead(403, { "content-type": "application/xml" }).end(body)
    )
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo
    const store = s3({ kind: "s3", bucket: "logs", prefix: "" }, { s3Endpoint: `http://127.0.0.1:${port}` })
    const { message, refused } = await Effect.runPromise(Effect.flip(probe(store)))
    server.close()
    assert.match(message, /RequestTimeTooSkewed \(403\).*set it \(NTP\)/)
    assert.isFalse(refused)
  })

  it("Azure: says which credentials it looks for", async () => {
    const place = { kind: "azblob", account, container: "logs", prefix: "" } as const
    const store = Effect.runSync(azureBlob(place, { AZURE_POD_IDENTITY_AUTHORITY_HOST: "http://127.0.0.1:1" }))
    const error = await Effect.runPromise(Effect.flip(probe(store)))
    assert.match(error.message, /NO_CREDENTIALS.*; give AZURE_STORAGE_CONNECTION_STRING/)
    assert.isTrue(error.refused)
  })
})
