/** A pod within express. */
import type { AddressInfo } from "node:net"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import express from "express"
import { served } from "./embedded.ts"

NodeRuntime.runMain(
  served(({ handle }) => {
    const app = express()
    app.use((request, response, next) => {
      if (!handle(request, response, "/k2p")) next()
    })
    app.use((_, response) => void response.status(404).send("ours"))
    const listening = Effect.callback<ReturnType<typeof app.listen>>((resume) => {
      const server = app.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    })
    const server = Effect.acquireRelease(listening, (each) => Effect.sync(() => each.close()))
    return Effect.map(server, (each) => (each.address() as AddressInfo).port)
  })
)
