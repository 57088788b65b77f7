/** A pod within fastify. */
import type { AddressInfo } from "node:net"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { fastify } from "fastify"
import { served } from "./embedded.ts"

NodeRuntime.runMain(
  served(({ handle }) => {
    const app = fastify()
    app.addHook("onRequest", (request, reply, done) => {
      if (handle(request.raw, reply.raw, "/k2p")) reply.hijack()
      else done()
    })
    app.setNotFoundHandler((_, reply) => reply.code(404).send("ours"))
    const listening = Effect.promise(() => app.listen({ port: 0, host: "127.0.0.1" }))
    const server = Effect.acquireRelease(listening, () => Effect.promise(() => app.close()))
    return Effect.map(server, () => (app.server.address() as AddressInfo).port)
  })
)
