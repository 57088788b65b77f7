/** A pod within Effect's own HTTP server. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { toIncomingMessage, toServerResponse } from "@effect/platform-node/NodeHttpServerRequest"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Context, Effect, Layer } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { served } from "./embedded.ts"

NodeRuntime.runMain(
  served(({ handle }) =>
    Effect.gen(function* () {
      const app = Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const message = toIncomingMessage(request) as IncomingMessage
        const response = toServerResponse(request) as ServerResponse
        return yield* Effect.callback<HttpServerResponse.HttpServerResponse>((resume) => {
          response.once("close", () => resume(Effect.succeed(HttpServerResponse.empty())))
          if (!handle(message, response, "/k2p"))
            resume(Effect.succeed(HttpServerResponse.text("ours", { status: 404 })))
        })
      })
      const layer = NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })
      const services = yield* Layer.build(HttpServer.serve(app).pipe(Layer.provideMerge(layer)))
      const { address } = Context.get(services, HttpServer.HttpServer)
      return (address as { readonly port: number }).port
    })
  )
)
