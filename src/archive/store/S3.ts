/**
 * S3: a store in a bucket of Amazon S3, or of a server that speaks it and keeps its conditions (`If-None-Match: *`). An object is one request, so it is there
 * whole or not at all. Credentials come from where Amazon's own tools find them. Loaded only where it is used: the client is large.
 */
import { crc32 } from "node:zlib"
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException
} from "@aws-sdk/client-s3"
import { Effect } from "effect"
import type { Place } from "./Place.ts"
import { type Store, StoreError } from "./Store.ts"

/** What a person has to see to. */
const advice: Readonly<Record<string, string>> = {
  NoSuchBucket: "there is no such bucket: create it, or name another one",
  AccessDenied:
    "these credentials may not do that: an archive needs s3:PutObject, s3:GetObject, s3:ListBucket and s3:DeleteObject (for _k2p/)",
  InvalidAccessKeyId: "the store does not know this access key",
  XAdminUserNotFound: "the store does not know this access key",
  SignatureDoesNotMatch: "the secret key is not the access key's",
  PermanentRedirect: "the bucket is in another region: give it as --s3-region",
  AuthorizationHeaderMalformed: "the bucket is in another region: give it as --s3-region",
  CredentialsProviderError:
    "no credentials were found: give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role",
  ExpiredToken: "the credentials have expired: renew them",
  InvalidToken: "the store does not take this session token: renew the credentials",
  InvalidBucketName: "no bucket can have this name",
  NotImplemented: "the store does not know a part of the request: it must keep If-None-Match",
  RequestTimeTooSkewed: "this machine's clock and the store's differ too much: set it (NTP)",
  ECONNREFUSED: "nothing listens there: look at --s3-endpoint",
  ENOTFOUND: "there is no such host: look at --s3-endpoint, and at the bucket's name",
  EPROTO: "it does not speak TLS: look at --s3-endpoint, http:// or https://",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is nobody's that is known: give its authority as NODE_EXTRA_CA_CERTS",
  SELF_SIGNED_CERT_IN_CHAIN: "its authority is not known: give it as NODE_EXTRA_CA_CERTS",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its authority is not known: give it as NODE_EXTRA_CA_CERTS"
}
/** Of a server's own words. */
const shutOut = "the store does not let these credentials in"
/** The client sets its own clock by the answer; a server may be started. */
const passing = new Set(["RequestTimeTooSkewed", "ECONNREFUSED", "ENOTFOUND"])

const statusOf = (error: unknown): number | undefined =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined

const failed = (op: string, name: string, error: unknown): StoreError => {
  const known = error instanceof Error ? error : new Error(String(error))
  const code = "code" in known && typeof known.code === "string" ? known.code : known.name
  const status = statusOf(error)
  const said = known.message === "" ? "" : `, ${known.message}`
  const what = advice[code] ?? advice[known.name] ?? (status === 401 || status === 403 ? shutOut : undefined)
  return new StoreError({
    message: `${op} ${name}: ${code}${status === undefined ? "" : ` (${status})`}${said}${what === undefined ? "" : `; ${what}`}`,
    code,
    refused: what !== undefined && !passing.has(code)
  })
}

/** The object, and nothing else: a key that is unknown is a 404 of some servers, too. */
const isMissing = (error: unknown): boolean => error instanceof S3ServiceException && error.name === "NoSuchKey"

const base64 = (crc: number): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc)
  return bytes.toString("base64")
}

/** As Amazon's own client finds it. */
const regionOfProfile = (): Promise<string> => new S3Client({}).config.region().catch(() => "us-east-1")

export const s3 = (
  { bucket, prefix }: Extract<Place, { kind: "s3" }>,
  { s3Endpoint, s3Region }: { readonly s3Endpoint?: string; readonly s3Region?: string }
): Store => {
  const client = new S3Client({
    region: s3Region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? regionOfProfile,
    ...(s3Endpoint === undefined ? {} : { endpoint: s3Endpoint, forcePathStyle: true }),
    // Its callers try again: they must know of each outcome.
    maxAttempts: 1,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED"
  })
  const place = `s3://${bucket}${prefix === "" ? "" : `/${prefix}`}`
  const under = prefix === "" ? "" : `${prefix}/`
  const keyOf = (name: string) => ({ Bucket: bucket, Key: `${under}${name}` })
  const attempt = <A>(op: string, name: string, run: (abortSignal: AbortSignal) => Promise<A>) =>
    Effect.tryPromise({ try: run, catch: (error) => failed(op, `${place}/${name}`, error) })
  const missing = (error: unknown): undefined => {
    if (isMissing(error)) return undefined
    throw error
  }
  /** There is an object, and nothing of it at that place. */
  const nothing = (error: unknown): "nothing" | undefined => (statusOf(error) === 416 ? "nothing" : missing(error))
  const create = async (name: string, pieces: ReadonlyArray<Uint8Array>, abortSignal: AbortSignal) => {
    const Body = Buffer.concat(pieces)
    const ChecksumCRC32 = base64(crc32(Body))
    try {
      await client.send(new PutObjectCommand({ ...keyOf(name), Body, ChecksumCRC32, IfNoneMatch: "*" }), {
        abortSignal
      })
      return "created"
    } catch (error) {
      if (statusOf(error) === 412) return "exists"
      throw error
    }
  }
  const readTail = async (name: string, bytes: number, abortSignal: AbortSignal) => {
    const answer = await client
      .send(new GetObjectCommand({ ...keyOf(name), Range: `bytes=-${bytes}` }), { abortSignal })
      .catch(nothing)
    if (answer === undefined) return undefined
    if (answer === "nothing") return { bytes: new Uint8Array(0), size: 0 }
    const tail = await answer.Body!.transformToByteArray()
    const size = Number(answer.ContentRange?.split("/")[1] ?? tail.length)
    // A server that knows no ranges gives all of it.
    return { bytes: tail.subarray(Math.max(0, tail.length - bytes)), size }
  }
  return {
    place,
    create: (name, pieces) => attempt("writing", name, (signal) => create(name, pieces, signal)),
    read: (name) =>
      attempt("reading", name, async (abortSignal) => {
        const answer = await client.send(new GetObjectCommand(keyOf(name)), { abortSignal }).catch(missing)
        return answer === undefined ? undefined : await answer.Body!.transformToByteArray()
      }),
    readPart: (name, from, bytes) =>
      attempt("reading", name, async (abortSignal) => {
        const Range = `bytes=${from}-${from + bytes - 1}`
        const answer = await client
          .send(new GetObjectCommand({ ...keyOf(name), Range }), { abortSignal })
          .catch(nothing)
        if (answer === undefined || answer === "nothing") return answer && new Uint8Array(0)
        const part = await answer.Body!.transformToByteArray()
        // A server that knows no ranges gives all of it.
        return answer.ContentRange === undefined ? part.subarray(from, from + bytes) : part
      }),
    readTail: (name, bytes) => attempt("reading", name, (signal) => readTail(name, bytes, signal)),
    list: (start, each) =>
      attempt("listing", start, async (abortSignal) => {
        for (let ContinuationToken: string | undefined; ; ) {
          const page = await client.send(
            new ListObjectsV2Command({ Bucket: bucket, Prefix: `${under}${start}`, ContinuationToken }),
            { abortSignal }
          )
          for (const { Key, Size } of page.Contents ?? [])
            if (Key !== undefined) each({ name: Key.slice(under.length), bytes: Size ?? 0 })
          ContinuationToken = page.NextContinuationToken
          if (ContinuationToken === undefined) return
        }
      }),
    remove: (name) =>
      attempt("removing", name, async (abortSignal) => {
        await client.send(new DeleteObjectCommand(keyOf(name)), { abortSignal })
      })
  }
}
