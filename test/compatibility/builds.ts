/** builds: the codecs of this build, and of one that lies in another folder, whose own code writes and reads. */
import { pathToFileURL } from "node:url"
import * as RoundRecord from "../../src/agent/dump/RoundRecord.ts"
import * as Claims from "../../src/engine/group/Claims.ts"
import * as CommitMetadata from "../../src/engine/partition/CommitMetadata.ts"
import * as Record from "../../src/metrics/rounds/Record.ts"
import type { Build } from "./Wire.ts"

/** What one build writes, and how it reads. */
export type Codecs = Build & typeof Claims & typeof CommitMetadata & Pick<typeof Record, "readEnvelope">

export const thisBuild: Codecs = { ...RoundRecord, ...Claims, ...CommitMetadata, ...Record }

/** `folder`: a checkout of it, with its dependencies. */
export const buildIn = async (folder: string): Promise<Codecs> => {
  const load = (path: string): Promise<object> => import(pathToFileURL(`${folder}/src/${path}.ts`).href)
  const [round, claims, commits, records] = await Promise.all(
    ["agent/dump/RoundRecord", "engine/group/Claims", "engine/partition/CommitMetadata", "metrics/rounds/Record"].map(
      load
    )
  )
  return { ...round, ...claims, ...commits, ...records } as Codecs
}
