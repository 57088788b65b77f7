/** A shutdown that does not end by itself is ended, loudly; one that does is left alone. */
import { spawn } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"

const deadline = JSON.stringify(new URL("../../src/commands/Deadline.ts", import.meta.url).href)

const program = (stops: boolean) => `
import { Effect } from "effect"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { shutdownDeadline } from ${deadline}
const work = Effect.callback(() => {
  process.stdout.write("running")
  ${stops ? "" : "return Effect.never"}
})
const kept = setInterval(() => {}, 1000)
NodeRuntime.runMain(
  Effect.scoped(Effect.andThen(shutdownDeadline("serve", 50), work)),
  { disableErrorReporting: true, teardown: (_, end) => { clearInterval(kept); end(7) } }
)`

const stopped = (stops: boolean) =>
  new Promise<{ readonly code: number | null; readonly stderr: string }>((resolve) => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", program(stops)], {
      cwd: new URL("../..", import.meta.url)
    })
    let stderr = ""
    child.stderr.on("data", (chunk) => {
      stderr += chunk
    })
    child.stdout.once("data", () => child.kill("SIGTERM"))
    child.on("close", (code) => resolve({ code, stderr }))
  })

describe("the shutdown deadline", () => {
  it("ends a process whose cleanup hangs with 1 and a sentence", async () => {
    const { code, stderr } = await stopped(false)
    assert.deepStrictEqual(
      { code, stderr },
      { code: 1, stderr: "kafka2prom serve: the shutdown did not end within 50 ms; ending the process as it is\n" }
    )
  })

  it("does not touch a process that ends by itself", async () => {
    assert.deepStrictEqual(await stopped(true), { code: 7, stderr: "" })
  })
})
