/**
 * AzureBlob: a store in a container of Azure Blob Storage. An object is one request with `If-None-Match: *`, so it is there whole or not at all. Credentials are
 * in the environment, under the names that Azure's own tools have. Loaded only where it is used: the client is large.
 */
import { ContainerClient, RestError, StorageSharedKeyCredential } from "@azure/storage-blob"
import { Effect } from "effect"
import { azureLogin } from "./AzureLogin.ts"
import { formatPlace, type Place } from "./Place.ts"
import { type Store, StoreError } from "./Store.ts"

type AzurePlace = Extract<Place, { kind: "azblob" }>

/** What a person has to see to. */
const advice: Readonly<Record<string, string>> = {
  ContainerNotFound: "there is no such container: create it, or name another one",
  AuthenticationFailed: "the account does not take these credentials",
  AuthorizationFailure:
    "these credentials may not do that: an archive reads, creates, lists and (below _k2p/) deletes blobs",
  AuthorizationPermissionMismatch:
    "these credentials may not do that: an archive reads, creates, lists and (below _k2p/) deletes blobs",
  LOGIN_REFUSED: "look at AZURE_CLIENT_ID, AZURE_TENANT_ID and what goes with them",
  NO_CREDENTIALS:
    "give AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, an application's AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET, or this machine an identity"
}

/** What a failed request's message goes on with behind its first line may hold what was sent. */
const failed = (op: string, name: string, error: unknown): StoreError => {
  const known = error instanceof Error ? error : new Error(String(error))
  const code = (error instanceof RestError ? error.code : undefined) ?? known.name
  const status = error instanceof RestError && error.statusCode !== undefined ? ` (${error.statusCode})` : ""
  const what = advice[code]
  const [said = ""] = known.message.split("\n")
  return new StoreError({
    message: `${op} ${name}: ${code}${status}${said === "" ? "" : `, ${said}`}${what === undefined ? "" : `; ${what}`}`,
    code,
    refused: what !== undefined
  })
}

const statusOf = (error: unknown): number | undefined => (error instanceof RestError ? error.statusCode : undefined)

const missing = (error: unknown): undefined => {
  if (statusOf(error) === 404 && (error as RestError).code !== "ContainerNotFound") return undefined
  throw error
}

/** Its callers try again: they must know of each outcome. */
const once = { retryOptions: { maxTries: 1 } }

const clientOf = ({ account, container }: AzurePlace, env: NodeJS.ProcessEnv): ContainerClient => {
  const { AZURE_STORAGE_CONNECTION_STRING: text, AZURE_STORAGE_KEY: key, AZURE_STORAGE_SAS_TOKEN: sas } = env
  const endpoint = env.AZURE_STORAGE_SERVICE_ENDPOINT ?? `https://${account}.blob.core.windows.net`
  const url = `${endpoint.replace(/\/+$/, "")}/${container}`
  if (text !== undefined) return new ContainerClient(text, container, once)
  if (key !== undefined) return new ContainerClient(url, new StorageSharedKeyCredential(account, key), once)
  if (sas !== undefined) return new ContainerClient(`${url}?${sas.replace(/^\?/, "")}`, undefined, once)
  return new ContainerClient(url, azureLogin(env), once)
}

export const azureBlob = (place: AzurePlace, env: NodeJS.ProcessEnv = process.env): Effect.Effect<Store, StoreError> =>
  Effect.map(
    Effect.try({ try: () => clientOf(place, env), catch: (error) => failed("opening", formatPlace(place), error) }),
    (container) => storeIn(place, container)
  )

const storeIn = (place: AzurePlace, container: ContainerClient): Store => {
  const under = place.prefix === "" ? "" : `${place.prefix}/`
  const blob = (name: string) => container.getBlockBlobClient(`${under}${name}`)
  const attempt = <A>(op: string, name: string, run: (abortSignal: AbortSignal) => Promise<A>) =>
    Effect.tryPromise({ try: run, catch: (error) => failed(op, `${formatPlace(place)}/${name}`, error) })
  return {
    place: formatPlace(place),
    create: (name, pieces) =>
      attempt("writing", name, async (abortSignal) => {
        const body = Buffer.concat(pieces)
        try {
          await blob(name).upload(body, body.length, { abortSignal, conditions: { ifNoneMatch: "*" } })
          return "created"
        } catch (error) {
          const isThere =
            error instanceof RestError && ["BlobAlreadyExists", "ConditionNotMet"].includes(error.code ?? "")
          if (isThere) return "exists"
          throw error
        }
      }),
    read: (name) =>
      attempt("reading", name, (abortSignal) =>
        blob(name).downloadToBuffer(0, undefined, { abortSignal }).catch(missing)
      ),
    readPart: (name, from, bytes) =>
      attempt("reading", name, async (abortSignal) => {
        try {
          const answer = await blob(name).download(from, bytes, { abortSignal })
          const pieces: Array<Buffer> = []
          for await (const piece of answer.readableStreamBody!) pieces.push(piece as Buffer)
          return Buffer.concat(pieces)
        } catch (error) {
          return statusOf(error) === 416 ? new Uint8Array(0) : missing(error)
        }
      }),
    readTail: (name, bytes) =>
      attempt("reading", name, async (abortSignal) => {
        const found = await blob(name).getProperties({ abortSignal }).catch(missing)
        if (found === undefined) return undefined
        const size = found.contentLength ?? 0
        const from = Math.max(0, size - bytes)
        if (size === 0) return { bytes: new Uint8Array(0), size }
        return { bytes: await blob(name).downloadToBuffer(from, size - from, { abortSignal }), size }
      }),
    list: (prefix, each) =>
      attempt("listing", prefix, async (abortSignal) => {
        for await (const { name, properties } of container.listBlobsFlat({ prefix: `${under}${prefix}`, abortSignal }))
          each({ name: name.slice(under.length), bytes: properties.contentLength ?? 0 })
      }),
    remove: (name) =>
      attempt("removing", name, async (abortSignal) => {
        await blob(name).deleteIfExists({ abortSignal })
      })
  }
}
