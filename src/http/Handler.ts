/**
 * Handler: requests to the routes that answer them, whoever owns the socket: Server, or a server of somebody else's in which a pod is
 * one of several things. A handler whose client has gone is interrupted; what a route fails with is logged and costs that answer alone.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { Cause, Effect, FiberSet, type Scope } from "effect"
import { type Route, replyText } from "./Route.ts"

/**
 * Answers the request. False, and nothing done, where its path is none of the routes'. `under`: what stands before the routes' paths, such
 * as `/kafka2prom`. The response is the handler's from then on: whoever gave it waits for its `close`.
 * @stable
 */
export type Handle = (request: IncomingMessage, response: ServerResponse, under?: string) => boolean

const answer = (route: Route, request: IncomingMessage, response: ServerResponse): Effect.Effect<void> =>
  Effect.suspend(() => route.handle({ request, response })).pipe(
    Effect.catchCause((cause) => {
      const broken = Effect.sync(() => {
        if (response.headersSent) response.destroy()
        else replyText(response, 500, "this is a fault of kafka2prom itself; the log has it")
      })
      if (Cause.hasInterruptsOnly(cause)) return Effect.sync(() => response.destroy())
      return Effect.andThen(Effect.logError(`answering ${request.method} ${route.path} failed`, cause), broken)
    })
  )

const pathOf = (request: IncomingMessage, under: string): string | undefined => {
  const path = (request.url ?? "/").split("?", 1)[0]!
  return path.startsWith(under) ? path.slice(under.length) || "/" : undefined
}

/** Answers that are under way are interrupted by the Scope's close. */
export const handler = (routes: ReadonlyArray<Route>): Effect.Effect<Handle, never, Scope.Scope> =>
  Effect.map(
    FiberSet.makeRuntime<never, void, never>(),
    (run): Handle =>
      (request, response, under = "") => {
        const path = pathOf(request, under)
        const there = routes.filter((route) => route.path === path)
        if (there.length === 0) return false
        // A client may vanish at any time; what that means is decided at "close".
        response.on("error", () => {})
        const method = request.method === "HEAD" ? "GET" : request.method
        const route = there.find((each) => each.method === method)
        if (route === undefined) {
          const allowed = there.map((each) => (each.method === "GET" ? "GET, HEAD" : each.method)).join(", ")
          replyText(response, 405, `${path} answers ${allowed} only`, { Allow: allowed })
          return true
        }
        const fiber = run(answer(route, request, response))
        response.once("close", () => {
          if (!response.writableFinished) fiber.interruptUnsafe()
        })
        return true
      }
  )
