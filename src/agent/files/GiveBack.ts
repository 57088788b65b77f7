/**
 * GiveBack: memory that a start took and that a process does not need again goes back to the system. V8 keeps the pages of a heap that was
 * larger once, through every ordinary collection; only the one of its last resort lets them go. It takes some 50 ms.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

type Collect = (how: { readonly type: "major"; readonly execution: "sync"; readonly flavor: "last-resort" }) => void

export const giveBackMemory = (): void => {
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as Collect
  collect({ type: "major", execution: "sync", flavor: "last-resort" })
}
