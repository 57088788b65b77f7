/**
 * RequestQueuePatch: the timers of kafkajs 2.2.4's request queues, one queue a connection, as an idle connection can afford them.
 *
 * It re-arms one with a negative delay after every answer, which Node turns into an endless 1 ms timer (its issues 1704 and 1751): 5 % of
 * a CPU. Here it is armed only while requests are waiting to be sent, which is what it is for. And it looks ten times a second, on every
 * connection, whether an answer is overdue: here one timer waits for the moment when the first one is.
 */
import RequestQueue, { type SocketRequest } from "kafkajs/src/network/requestQueue/index.js"

const { scheduleCheckPendingRequests, sendSocketRequest, destroy } = RequestQueue.prototype

RequestQueue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
  if (this.pending.length > 0) scheduleCheckPendingRequests.call(this)
}

interface Watch {
  readonly timer: NodeJS.Timeout
  readonly until: number
}

const watches = new WeakMap<RequestQueue, Watch>()
/** By request that is under way, monotonic. */
const deadlines = new WeakMap<SocketRequest, number>()

const unwatch = (queue: RequestQueue): void => {
  clearTimeout(watches.get(queue)?.timer)
  watches.delete(queue)
}

/** A timer that was set for an earlier request is left to fire: answers come far more often than it does. */
const watchUntil = (queue: RequestQueue, until: number): void => {
  if ((watches.get(queue)?.until ?? Number.POSITIVE_INFINITY) <= until) return
  unwatch(queue)
  // What keeps the process alive is the socket.
  const timer = setTimeout(() => look(queue), Math.max(0, until - performance.now())).unref()
  watches.set(queue, { timer, until })
}

const look = (queue: RequestQueue): void => {
  watches.delete(queue)
  const now = performance.now()
  for (const request of [...queue.inflight.values()]) {
    const until = deadlines.get(request)
    if (until === undefined) continue
    if (until <= now) request.timeoutRequest()
    else watchUntil(queue, until)
  }
}

RequestQueue.prototype.scheduleRequestTimeoutCheck = (): void => {}

RequestQueue.prototype.sendSocketRequest = function (this: RequestQueue, request: SocketRequest): void {
  if (this.enforceRequestTimeout && request.expectResponse) {
    const until = performance.now() + request.requestTimeout
    deadlines.set(request, until)
    watchUntil(this, until)
  }
  sendSocketRequest.call(this, request)
}

RequestQueue.prototype.destroy = function (this: RequestQueue): void {
  unwatch(this)
  destroy.call(this)
}
