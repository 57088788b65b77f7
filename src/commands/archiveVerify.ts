/**
 * archive verify: reads an archive and prints on stdout what it holds. Exit code 0: it is whole; 1: something is not as a pod leaves it; 3: the store could not
 * be read.
 */
import { Effect } from "effect"
import { openStore } from "../archive/store/OpenStore.ts"
import { tell } from "../archive/verify/Report.ts"
import { verify } from "../archive/verify/Verify.ts"
import { logging } from "../Logging.ts"
import type { Program } from "./Program.ts"
import type { VerifyConfig } from "./VerifyConfig.ts"

export const archiveVerify = ({ store: settings, log }: VerifyConfig): Program =>
  Effect.gen(function* () {
    const store = yield* openStore(settings)
    const { reports, others } = yield* verify(store)
    const { text, broken } = tell(store.place, reports, others)
    process.stdout.write(text)
    return broken === 0 ? 0 : 1
  }).pipe(
    Effect.catchTag("StoreError", ({ message }) =>
      Effect.sync(() => {
        process.stderr.write(`kafka2prom archive verify: the archive could not be read: ${message}\n`)
        return 3
      })
    ),
    Effect.provide(logging(log))
  )
