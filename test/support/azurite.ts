/** Azurite, Microsoft's own stand-in for Azure Blob Storage, for tests: fetched once into the user's cache, on a port and in a folder of its own. */
import { execFile } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { ContainerClient } from "@azure/storage-blob"
import { cached } from "./cached.ts"
import { freePort } from "./freePorts.ts"
import type { Stage } from "./processes.ts"
import { until } from "./until.ts"

/** The one account that it has; its key is public. */
export const account = "devstoreaccount1"
const key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

export const azurite = async (): Promise<string> => {
  const home = await cached("azurite-3.37.0", async (folder) => {
    await writeFile(
      join(folder, "package.json"),
      JSON.stringify({ private: true, dependencies: { azurite: "3.37.0" } })
    )
    await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund"], { cwd: folder })
  })
  return join(home, "node_modules", "azurite", "dist", "src", "blob", "main.js")
}

/** Its connection string; the container `logs` is there. */
export const startAzurite = async (stage: Stage): Promise<string> => {
  const program = await azurite()
  const port = await freePort()
  const at = ["--blobHost", "127.0.0.1", "--blobPort", String(port), "--location", join(stage.dir, "azurite")]
  stage.run("azurite", process.execPath, [program, ...at, "--silent", "--skipApiVersionCheck"])
  const text = `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};BlobEndpoint=http://127.0.0.1:${port}/${account};`
  const made = () =>
    new ContainerClient(text, "logs", { retryOptions: { maxTries: 1 } }).createIfNotExists().then(
      () => true,
      () => false
    )
  await until(made, { what: "Azurite" })
  return text
}
