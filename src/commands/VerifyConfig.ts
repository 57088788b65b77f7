/** VerifyConfig: what `archive verify` is started with. */
import { storeOf, storeSettings } from "../archive/ArchiveSettings.ts"
import type { StoreSettings } from "../archive/store/OpenStore.ts"
import type { Outcome, Resolved } from "../config/Resolve.ts"
import { settings } from "../config/Setting.ts"
import { program } from "../config/Settings.ts"
import { type LogConfig, readLog } from "../Logging.ts"

export const verifySettings = settings({ ...storeSettings, ...program })

export interface VerifyConfig {
  readonly store: StoreSettings
  readonly log: LogConfig
}

export const verifyConfig = ({ values }: Resolved<typeof verifySettings>): Outcome<VerifyConfig> => ({
  value: { store: storeOf(values), log: readLog(values) }
})
