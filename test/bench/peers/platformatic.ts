/** @platformatic/kafka, installed with npm once into the user's cache: a peer to be measured, no dependency of this project. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { cached } from "../../support/cached.ts"

export const platformaticVersion = "2.12.1"

export const platformaticFolder = (): Promise<string> =>
  cached(`platformatic-kafka-${platformaticVersion}`, async (folder) => {
    await promisify(execFile)("npm", [
      ...["install", "--prefix", folder, "--no-audit", "--no-fund"],
      `@platformatic/kafka@${platformaticVersion}`
    ])
  })
