/**
 * SdRoute: GET /sd, HTTP service discovery as Prometheus does it: one target for each shard of this pod, each answering with its own
 * part of `/metrics`. For pods that are too large for one scrape.
 *
 * `instance` is set only so that the targets' own `up` and `scrape_…` series differ; with `honor_labels` the proxied series keep
 * theirs, and no label of the pod sticks to them.
 */

import { get, type Route, replyJson, replyText } from "../../http/Route.ts"
import type { PodState } from "../../pod/PodState.ts"

/** As a Host header may be: name, IPv4 or [IPv6], with or without a port. */
const isHost = (host: string): boolean =>
  host.length <= 300 && /^(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d{1,5})?$/.test(host)

export const sdRoute = (pod: PodState): Route =>
  get("/sd", "targets for Prometheus' HTTP service discovery, one a shard", ({ request, response }) => {
    const { host } = request.headers
    if (host === undefined || !isHost(host))
      return replyText(response, 400, "the Host header must say by which address this pod is reached")
    replyJson(
      response,
      200,
      pod.slots.map(({ number }) => ({
        targets: [host],
        labels: { __param_shard: String(number), instance: `${host}/${number}` }
      }))
    )
  })
