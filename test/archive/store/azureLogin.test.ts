/** Tokens for Azure's storage, from servers that answer as Azure's do (their documents say how): each way that a machine may have one, and no secret in a message. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer, type IncomingHttpHeaders, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { RestError } from "@azure/storage-blob"
import { afterAll, assert, beforeAll, beforeEach, describe, it } from "vitest"
import { azureLogin } from "../../../src/archive/store/AzureLogin.ts"

interface Asked {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly form: URLSearchParams
}

let folder: string
let server: Server
let base: string
let asked: Asked | undefined
let answer: readonly [status: number, body: unknown]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "k2p-azure-"))
  server = createServer(async (request, response) => {
    let body = ""
    for await (const piece of request) body += piece
    const { method = "", url = "", headers } = request
    asked = { method, url: new URL(url, "http://x"), headers, form: new URLSearchParams(body) }
    response.writeHead(answer[0], { "content-type": "application/json" }).end(JSON.stringify(answer[1]))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server?.close()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(() => {
  answer = [200, { access_token: "t0", expires_in: "3600" }]
})

const token = (env: NodeJS.ProcessEnv) => azureLogin(env).getToken()

describe("a token for Azure's storage", () => {
  it("of the machine's managed identity", async () => {
    const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: base }
    const { token: text, expiresOnTimestamp } = await token(env)
    assert.strictEqual(text, "t0")
    assert.closeTo(expiresOnTimestamp, Date.now() + 3_600_000, 60_000)
    const { url, headers } = asked!
    assert.strictEqual(url.pathname, "/metadata/identity/oauth2/token")
    assert.deepStrictEqual(Object.fromEntries(url.searchParams), {
      "api-version": "2018-02-01",
      resource: "https://storage.azure.com/"
    })
    assert.strictEqual(headers.metadata, "true")
    await token({ ...env, AZURE_CLIENT_ID: "c1" })
    assert.strictEqual(asked!.url.searchParams.get("client_id"), "c1")
  })

  it("of an app's managed identity", async () => {
    await token({ IDENTITY_ENDPOINT: `${base}/msi/token`, IDENTITY_HEADER: "h1" })
    const { url, headers } = asked!
    assert.deepStrictEqual([url.pathname, url.searchParams.get("api-version")], ["/msi/token", "2019-08-01"])
    assert.strictEqual(headers["x-identity-header"], "h1")
  })

  it("of a workload's identity, by the file as it is now", async () => {
    const file = join(folder, "token")
    const env = {
      ...{ AZURE_AUTHORITY_HOST: `${base}/`, AZURE_TENANT_ID: "t", AZURE_CLIENT_ID: "c" },
      AZURE_FEDERATED_TOKEN_FILE: file
    }
    for (const proof of ["first", "second"]) {
      await writeFile(file, `${proof}\n`)
      await token(env)
      assert.deepStrictEqual([asked!.method, asked!.url.pathname], ["POST", "/t/oauth2/v2.0/token"])
      assert.deepStrictEqual(Object.fromEntries(asked!.form), {
        grant_type: "client_credentials",
        client_id: "c",
        scope: "https://storage.azure.com/.default",
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: proof
      })
    }
  })

  const application = () => ({
    ...{ AZURE_AUTHORITY_HOST: base, AZURE_TENANT_ID: "t", AZURE_CLIENT_ID: "c" },
    AZURE_CLIENT_SECRET: "very-secret"
  })

  it("of an application, by its secret", async () => {
    await token(application())
    assert.strictEqual(asked!.form.get("client_secret"), "very-secret")
  })

  const refused = async (env: NodeJS.ProcessEnv): Promise<RestError> => {
    const error = await token(env).then(
      () => assert.fail("it has one"),
      (e: unknown) => e
    )
    assert.instanceOf(error, RestError)
    return error
  }

  it("that is refused says why, and nothing of the secret", async () => {
    answer = [401, { error: "invalid_client", error_description: "AADSTS7000215: Invalid client secret.\r\nTrace: x" }]
    const { code, message } = await refused(application())
    assert.strictEqual(code, "LOGIN_REFUSED")
    assert.strictEqual(message, "the application c gets no token (401, AADSTS7000215: Invalid client secret.)")
    answer = [503, {}]
    assert.strictEqual((await refused(application())).code, "LOGIN_AWAY")
  })

  it("cannot be had where nobody answers", async () => {
    const { code, message } = await refused({ AZURE_POD_IDENTITY_AUTHORITY_HOST: "http://127.0.0.1:1" })
    assert.strictEqual(code, "NO_CREDENTIALS")
    assert.match(message, /^the managed identity of this machine cannot be asked for a token \(.+\)$/)
  })
})
