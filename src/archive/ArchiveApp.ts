/**
 * ArchiveApp: an archive of logs as an application of a pod: records of lines come in, objects in a store are what comes of them. What `kafka2prom
 * archive` runs, by the same door as metrics and a team's own application. Its code is ArchiveParts.
 */
import type { App } from "../pod/App.ts"
import { type ArchiveOptions, archiveConfig, archiveSettings } from "./ArchiveSettings.ts"

const app: App<ArchiveOptions, typeof archiveSettings> = {
  name: "archive",
  about: "logs, archived in a directory or a bucket, each line once.",
  module: import.meta.url,
  settings: archiveSettings,
  configure: archiveConfig,
  load: async () => (await import("./ArchiveParts.ts")).archiveParts
}

export default app
