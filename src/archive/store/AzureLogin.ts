/**
 * AzureLogin: tokens for Azure's storage where no key of it is given: of a workload identity (Kubernetes mounts a file), of a registered application's secret,
 * or of the managed identity of the machine or the app, in this order, under the names that Azure's own tools have. One request a token: the
 * client keeps it until it is about to end. No message holds a secret or a token.
 */
import { readFile } from "node:fs/promises"
import { RestError } from "@azure/storage-blob"

type Env = NodeJS.ProcessEnv

/** What the client takes for one of `@azure/identity`. */
export interface AzureLogin {
  readonly getToken: () => Promise<{ readonly token: string; readonly expiresOnTimestamp: number }>
}

const resource = "https://storage.azure.com/"
/** Ms: on a machine that is not Azure's nobody answers. */
const patience = 5_000

interface Asked {
  /** For people. */
  readonly who: string
  readonly url: string
  readonly init: RequestInit
}

const application = async (env: Env, id: string, tenant: string): Promise<Asked | undefined> => {
  const { AZURE_AUTHORITY_HOST: host, AZURE_CLIENT_SECRET: secret, AZURE_FEDERATED_TOKEN_FILE: file } = env
  if (file === undefined && secret === undefined) return undefined
  const proof =
    file === undefined
      ? { client_secret: secret! }
      : {
          client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
          client_assertion: (await readFile(file, "utf8")).trim()
        }
  const authority = (host ?? "https://login.microsoftonline.com").replace(/\/+$/, "")
  const form = { grant_type: "client_credentials", client_id: id, scope: `${resource}.default`, ...proof }
  return {
    who: file === undefined ? `the application ${id}` : `the workload identity ${id}`,
    url: `${authority}/${tenant}/oauth2/v2.0/token`,
    init: { method: "POST", body: new URLSearchParams(form) }
  }
}

const managed = (env: Env): Asked => {
  const { AZURE_CLIENT_ID: id, IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: header } = env
  const which = id === undefined ? {} : { client_id: id }
  const isApp = endpoint !== undefined && header !== undefined
  const machine = (env.AZURE_POD_IDENTITY_AUTHORITY_HOST ?? "http://169.254.169.254").replace(/\/+$/, "")
  const at = isApp ? endpoint : `${machine}/metadata/identity/oauth2/token`
  const query = new URLSearchParams({ "api-version": isApp ? "2019-08-01" : "2018-02-01", resource, ...which })
  return {
    who: `the managed identity${id === undefined ? "" : ` ${id}`} of this ${isApp ? "app" : "machine"}`,
    url: `${at}?${query}`,
    init: { headers: isApp ? { "X-IDENTITY-HEADER": header } : { Metadata: "true" } }
  }
}

const askedBy = async (env: Env): Promise<Asked> => {
  const { AZURE_CLIENT_ID: id, AZURE_TENANT_ID: tenant } = env
  const asked = id === undefined || tenant === undefined ? undefined : await application(env, id, tenant)
  return asked ?? managed(env)
}

/** The first line of what the authority says; what follows are ids of the request. */
const refusal = (who: string, status: number, body: Record<string, unknown>): RestError => {
  const said = String(body.error_description ?? body.error ?? "").split(/[\r\n]/)[0]
  const code = status >= 500 || status === 429 || status === 404 ? "LOGIN_AWAY" : "LOGIN_REFUSED"
  return new RestError(`${who} gets no token (${status}${said === "" ? "" : `, ${said}`})`, { code })
}

export const azureLogin = (env: Env): AzureLogin => ({
  getToken: async () => {
    const { who, url, init } = await askedBy(env)
    const signal = AbortSignal.timeout(patience)
    const answer = await fetch(url, { ...init, signal }).catch((error: unknown) => {
      const code = who.startsWith("the managed identity") ? "NO_CREDENTIALS" : "LOGIN_AWAY"
      const why = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : ""
      throw new RestError(`${who} cannot be asked for a token (${why})`, { code })
    })
    const body = (await answer.json().catch(() => ({}))) as Record<string, unknown>
    const { access_token: token, expires_in: seconds } = body
    if (!answer.ok || typeof token !== "string") throw refusal(who, answer.status, body)
    return { token, expiresOnTimestamp: Date.now() + (Number(seconds) || 300) * 1000 }
  }
})
